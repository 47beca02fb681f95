"""A whole deployment in one process: the shipped definition and functions, without any cloud."""
