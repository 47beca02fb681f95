"""Who performs: its own small module, for the order's rows name it and the webhook loads them."""

from enum import StrEnum


class Performer(StrEnum):
    """Who performs: a person, an agency, the seller, or somebody bought outside (design: people 3)."""

    FREELANCER = "freelancer"
    AGENCY = "agency"
    SELF = "self"
    OUTSIDE = "outside"

    @property
    def paid(self) -> bool:
        """Whether they are paid by us: the seller pays nobody for their own work, and pays by hand what was bought."""
        return self in {Performer.FREELANCER, Performer.AGENCY}
