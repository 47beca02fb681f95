"""Every function, by its event, behind the real adapters on moto: table, bucket, mails, secrets, machine."""

from __future__ import annotations

from decimal import Decimal

from devstack.simulation.calls import HANDLERS
from devstack.simulation.world import INES, MONDAY
from devstack.stripe_sandbox.accounts import Seed, seed
from relais.adapters.keys import BOOK, DESK, DUE
from relais.gate import due_shard
from relais.rows import bounce_key, recipient_key
from tests.support.journey import Journey
from tests.support.world import world
from tests.workflow.scenarios import SELLER, assert_completed


def test_every_function_does_its_part_behind_the_real_adapters() -> None:
    """An order whose execution was stopped half-way: every function is called, and it ends paid and balanced."""
    with world(fast_table=False) as made:
        journey = Journey(made).to_work()
        made.ports.machine.stop(journey.id, 1, "by hand")
        made.settle()
        made.pass_time(minutes=3)
        assert journey.order.run == 2
        form = journey.form("work")
        keys = made.upload(f"{form.action}/files", form.fields["nonce"], {"logo.png": b"\x89PNG logo"})
        made.send(form, choice="deliver", note="", file=keys, links="https://exemple.fr/maquette")
        review = made.link("review", journey.id)
        made.send(next(one for one in made.get(review).forms if one.action.endswith("/links")))
        assert "non vérifié" in made.get(review).text
        assert [key.sk for key in made.ports.store.desk("seller#open")] == [f"G#01#review#{2:04d}"]
        assert journey.id in made.ports.store.open_orders(due_shard(journey.id))
        journey.answer("review", "approve")
        assert made.get(f"{made.link('acceptance', journey.id)}/preview/0").status == 200
        journey.answer("acceptance", "accept")
        made.pass_time(days=4)
        assert_completed(journey)
        came_back = {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": "gone@example.org"}]}
        made.engine.call("record-bounce", {"detail": {"eventType": "Bounce", "bounce": came_back}})
        assert made.ports.store.get(bounce_key("gone@example.org")) is not None
        for status in ("restricted", "active"):
            seed(made.sandbox.platform, Seed(INES, stripe_transfers=status, payouts=status))
            made.settle()
        assert made.ports.store.get(recipient_key("ines-moreau")) is not None
        looked = made.engine.call("reconcile", {})
        assert looked
        assert set(made.engine.calls) == set(HANDLERS)
        shard = due_shard(journey.id).removeprefix("D#")
        booked = made.ports.store.book(f"{MONDAY:%Y-%m}", shard)
        assert sorted(row["kind"] for row in booked) == sorted(entry["kind"] for entry in journey.entries())
        sums: dict[str, int] = {}
        for entry in booked:
            for account, amount, _ in entry["postings"]:
                sums[account] = sums.get(account, 0) + amount
        assert sum(sums.values()) == 0
        assert {account: amount for account, amount in sums.items() if amount} == {
            "stripe": 15540,
            "fee.card": 460,
            "cost.work": 13000,
            "revenue": -29000,
        }
        assert sums["stripe"] == made.sandbox.state()["money"]["net_transactions"]["eur"]


def test_mails_reach_their_readers_from_the_shop() -> None:
    """Each kind of reader got theirs, from the shop's sender, with a subject that says what it is about."""
    with world(fast_table=False) as made:
        Journey(made).to_review()
        readers = {mail.to for mail in made.mails}
        assert readers == {"marie@gmail.com", "ines@moreau-graphisme.example", SELLER}
        assert all(mail.subject and "\n" not in mail.subject for mail in made.mails)


def test_what_indexes_hold_is_text_and_rows_hold_no_decimals() -> None:
    """Indexes refuse anything but text; rows are read back as they were written."""
    with world(fast_table=False) as made:
        Journey(made).to_review()
        for row in made.rows():
            for index in (DUE, DESK, BOOK):
                assert isinstance(row.get(index.partition, ""), str)
                assert isinstance(row.get(index.sort, ""), str)
            assert not [value for value in row.values() if isinstance(value, Decimal | float)]
