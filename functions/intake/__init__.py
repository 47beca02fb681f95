"""Functions of the step `intake`."""
