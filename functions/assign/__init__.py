"""Functions of the step `assign`."""
