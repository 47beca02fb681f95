"""Who performs: its own small module, for the order's rows name it and the webhook loads them."""

from enum import StrEnum


class Performer(StrEnum):
    """Who performs: a person, an agency, the seller, or somebody bought outside (design: people 3)."""

    FREELANCER = "freelancer"
    AGENCY = "agency"
    SELF = "self"
    OUTSIDE = "outside"
