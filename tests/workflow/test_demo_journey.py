"""The whole order that the demo plays, with everything on moto: table, bucket, mails, secrets and machine."""

from tests.support.world import world
from tests.workflow.scenarios import assert_completed, demo


def test_the_demos_order_reaches_the_freelancers_money() -> None:
    """The journey of the main job, whole: sent back once, revised once, paid out, in at most 24 states entered."""
    with world(fast_table=False) as made:
        journey = demo(made)
        assert_completed(journey)
        assert len(made.engine.entered(f"{journey.id}-1")) <= 24
