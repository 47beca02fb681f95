"""How far somebody has come with the account that they are paid to: rows alone, Stripe is not asked."""

from __future__ import annotations

from relais.ports import Store
from relais.recipient import REACHED, Readiness, Recipient
from relais.roster import Freelancer
from relais.rows import recipient_key


def read_recipient(store: Store, freelancer: Freelancer) -> Recipient:
    """The recipient's own row; without an account there, what the roster's file says, which Stripe was not asked about.

    An account that the file names is believed until somebody looks: the transfer looks each time (design: money A 8).
    """
    row = store.get(recipient_key(freelancer.key))
    kept = Recipient(freelancer.key) if row is None else Recipient.from_row(row)
    if kept.account:
        return kept
    named, readiness = freelancer.stripe_account or "", Readiness.NONE
    if named:
        readiness = Readiness.READY
    elif freelancer.country not in REACHED:
        readiness = Readiness.OUT_OF_REACH
    return Recipient(freelancer.key, named, readiness, invited=kept.invited, waits=kept.waits, kept=kept.kept)


def needs_account(store: Store, freelancer: Freelancer) -> bool:
    """Whether somebody who may soon be owed something has no account yet, and was never asked to open one."""
    if freelancer.stripe_account or not freelancer.kind.paid or freelancer.country not in REACHED:
        return False
    known = read_recipient(store, freelancer)
    return known.readiness is Readiness.NONE and known.invited is None
