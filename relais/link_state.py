"""What becomes of a link when somebody asks for it."""

from enum import StrEnum


class LinkState(StrEnum):
    """Whether a link leads anywhere, as far as a machine without a password can tell."""

    ALIVE = "alive"
    GONE = "gone"
    CLOSED = "closed"
    """It asks who one is."""
    TROUBLE = "trouble"
    """Its site answers with an error, or leads on without end."""
    SILENT = "silent"
    """No such name, no answer in time, or no safe line."""
    NOT_ASKED = "not_asked"
    """It leads to no place of the public internet."""
