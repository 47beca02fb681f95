"""The one root of every error that Relais raises on purpose."""


class RelaisError(Exception):
    """Root of all errors of the domain; leaves live beside what raises them, carry data and say what to do."""
