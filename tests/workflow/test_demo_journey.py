"""The whole order that the demo plays, through the shipped definition with the real handlers."""

from tests.support.journey import Journey
from tests.support.world import World


def play(world: World) -> Journey:
    journey = Journey(world).to_work()
    journey.deliver()
    journey.answer("review", "rework", "Plus de contraste, s'il vous plaît.")
    journey.deliver(b"\x89PNG logo 2")
    journey.answer("review", "approve")
    journey.answer("acceptance", "revise", "Un vert plus clair.")
    journey.deliver(b"\x89PNG logo 3")
    journey.answer("review", "approve")
    journey.answer("acceptance", "accept")
    world.pass_time(days=4)
    return journey


def test_the_demos_order_reaches_the_freelancers_money(world: World) -> None:
    """The journey of the main job, whole: sent back once, revised once, paid out, in at most 24 states entered."""
    journey = play(world)
    assert journey.order.stage.value == "completed"
    assert [transfer["amount"] for transfer in world.transfers()] == [13000]
    assert len(world.engine.entered(f"{journey.id}-1")) <= 24
