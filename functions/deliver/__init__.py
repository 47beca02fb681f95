"""Functions of the step `deliver`."""
