"""Every wait of an order as promise 3 wants it: who acts, for whom, until when, with which reminders, or else what."""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from relais.act import Act, ActState
from relais.gate import Choice, Default, Gate, Kind, Role, Status
from relais.order import Order, OrderStage

PEOPLE = frozenset({Role.CLIENT, Role.SELLER, Role.FREELANCER})


@dataclass(frozen=True, slots=True)
class Wait:
    """One wait. `gate` is None where what is waited for is no gate: a checkout, a start, the bank's word."""

    gate: str | None
    kind: str
    milestone: str | None
    who: Role
    owner: str
    waiting: tuple[Role, ...]
    since: datetime | None
    until: datetime | None
    reminders: tuple[datetime, ...]
    choices: tuple[Choice, ...]
    default: str
    otherwise: str
    reached: bool | None
    """Whether a mail about it was accepted by the post; None where nobody is written to."""
    told: str | None = None
    """How its owner hears of it: `now`, each mail at once, or in the `digest`; None where nobody is written to."""


def waits_of(order: Order, gates: tuple[Gate, ...], acts: tuple[Act, ...], now: datetime) -> tuple[Wait, ...]:
    """What an order waits for now, most urgent first; after its end, what is said of it."""
    if order.stage is OrderStage.DRAFT:
        return (_debit(order) if order.settling else _checkout(order),)
    waits = [of_gate(gate, now) for gate in gates if gate.status is Status.OPEN]
    waits += [_act(act) for act in acts if act.state in {ActState.PLANNED, ActState.SENDING} and not act.unconfirmed]
    if not waits and order.is_open:
        waits.append(_engine(order))
    return tuple(sorted(waits, key=lambda wait: (wait.until is None, wait.until or now, wait.kind)))


def of_gate(gate: Gate, now: datetime) -> Wait:
    """An open gate as a contract."""
    return Wait(
        gate=str(gate.id),
        kind=gate.id.kind.value,
        milestone=None if gate.id.of_order else gate.id.milestone,
        who=gate.role,
        owner=gate.owner,
        waiting=waiting_for(gate.id.kind),
        since=gate.opened,
        until=gate.deadline,
        reminders=tuple(at for at in gate.reminders if at > now),
        choices=gate.choices,
        default=gate.default.value,
        otherwise=otherwise(gate),
        reached=_reached(gate) if gate.role in PEOPLE else None,
        told=("digest" if gate.digested else "now") if gate.role in PEOPLE else None,
    )


def _reached(gate: Gate) -> bool:
    """As far as its row tells: a mail was taken and none is known to come back, or its owner wrote since."""
    return gate.posted or (gate.mailed and gate.unreached is None)


def waiting_for(kind: Kind) -> tuple[Role, ...]:
    """Who waits while a gate of this kind is open."""
    match kind:
        case Kind.BRIEF | Kind.RATING:
            return (Role.SELLER,)
        case Kind.PROPOSAL | Kind.REVIEW:
            return (Role.CLIENT,)
        case Kind.PICK | Kind.REFUND | Kind.STUCK:
            return (Role.CLIENT,)
        case Kind.WORK:
            return (Role.SELLER, Role.CLIENT)
        case Kind.LATE:
            return (Role.CLIENT, Role.FREELANCER)
        case Kind.MORE_TIME | Kind.APPEAL:
            return (Role.FREELANCER,)
        case Kind.QUESTION:
            return (Role.SELLER, Role.FREELANCER)
        case Kind.COUNTER:
            return (Role.CLIENT, Role.FREELANCER)
        case Kind.CANCEL_LATE:
            return (Role.SELLER, Role.FREELANCER)
        case Kind.DISPUTE:
            return (Role.FREELANCER,)
        case Kind.START:
            return (Role.CLIENT, Role.FREELANCER)
        case Kind.EXTRA:
            return ()
        case Kind.MESSAGE:
            return (Role.CLIENT,)
        case Kind.REFUND_REQUEST | Kind.AGREEMENT:
            return (Role.CLIENT, Role.FREELANCER)
        case Kind.ACCEPTANCE | Kind.SETTLEMENT | Kind.HOLD | Kind.PAYOUT | Kind.ONBOARDING:
            return (Role.FREELANCER,)
        case Kind.CONFIRM | Kind.OUTCOME:
            return (Role.CLIENT, Role.FREELANCER)
        case Kind.PARK:
            return (Role.CLIENT, Role.FREELANCER)
        case _:
            assert_never(kind)


def otherwise(gate: Gate) -> str:
    """What happens when the deadline passes, in plain words."""
    match gate.default:
        case Default.STAY if gate.role is Role.ENGINE:
            return "the engine tries again; nothing is decided"
        case Default.STAY if gate.id.kind is Kind.ONBOARDING:
            return "the pay waits: reminders go on every week, and the seller may pay by bank"
        case Default.STAY if gate.id.kind is Kind.CONFIRM:
            return "no money leaves without a yes: reminders go on every working day"
        case Default.STAY:
            return "nothing is decided: reminders go on every working day, and the seller is told"
        case Default.AGAIN if gate.role is Role.CLOCK:
            return "the roster is asked again, those who were not asked before"
        case Default.AGAIN:
            return "it counts as lapsed, and the next of the roster is asked"
        case Default.BEGIN:
            return "the work on this milestone begins"
        case Default.ACCEPT:
            return "silence accepts, if a mail has reached the client"
        case Default.RELEASE:
            return "the pay is released"
        case Default.REFUND:
            return "the order ends and the client is refunded in full"
        case Default.LAPSE:
            return "the client chooses between all the money and one more revision; then all goes back"
        case Default.TAKE:
            return "the sum that was proposed goes back to the client"
        case Default.ASK_CLIENT:
            return "the client is asked: wait, or cancel and be refunded"
        case Default.REFUSE if gate.id.kind is Kind.COUNTER:
            return "the proposal stays as it is, and its freelancer is told until when it can be taken"
        case Default.REFUSE:
            return "the date stays what it is, and whoever asked is told"
        case Default.SEND if gate.id.kind is Kind.CONFIRM:
            return "the refund leaves: it is owed to the client"
        case Default.SEND:
            return "the evidence that is kept of the order is sent to the client's bank"
        case Default.GRANT:
            return "the date has been moved: the mail that says so leaves"
        case Default.GO_ON:
            return "all goes on as it is"
        case Default.CANCEL:
            return "the order is cancelled and the client is refunded in full"
        case _:
            assert_never(gate.default)


def _checkout(order: Order) -> Wait:
    return Wait(
        gate=None,
        kind="checkout",
        milestone=None,
        who=Role.CLIENT,
        owner="client",
        waiting=(Role.SELLER,),
        since=order.created,
        until=order.checkout_expires,
        reminders=(),
        choices=(),
        default="expires",
        otherwise="the checkout expires; the same link opens another one",
        reached=None,
    )


def _debit(order: Order) -> Wait:
    """A bank answers when it likes, within days; the clock asks Stripe each day."""
    return Wait(
        gate=None,
        kind="debit",
        milestone=None,
        who=Role.ENGINE,
        owner="bank",
        waiting=(Role.CLIENT, Role.SELLER),
        since=order.debit_at,
        until=order.due,
        reminders=(),
        choices=(),
        default="stay",
        otherwise="Stripe is asked each day what the client's bank has answered; nothing starts before",
        reached=None,
    )


def _engine(order: Order) -> Wait:
    return Wait(
        gate=None,
        kind="start" if order.owes_start is not None else "step",
        milestone=None,
        who=Role.ENGINE,
        owner="engine",
        waiting=(Role.CLIENT, Role.SELLER),
        since=None,
        until=order.due,
        reminders=(),
        choices=(),
        default="next_run",
        otherwise="the clock looks, sends again what was lost, then starts the next run",
        reached=None,
    )


def _act(act: Act) -> Wait:
    return Wait(
        gate=None,
        kind=act.kind.value,
        milestone=act.milestone,
        who=Role.ENGINE,
        owner="engine",
        waiting=(Role.FREELANCER,),
        since=act.first_sent,
        until=None,
        reminders=(),
        choices=(),
        default="retry",
        otherwise="the clock sends it again under the same key; an answer that stays unknown parks it for the seller",
        reached=None,
    )
