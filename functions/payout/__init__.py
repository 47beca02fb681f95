"""Functions of the step `payout`."""
