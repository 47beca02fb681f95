"""What `relais doctor` looks at. Each check stands alone and reads only; one that fails is a finding, no end.

The one call that is more than reading is a signed event of no known type to the webhook: it proves address, function
and signing secret at once, and is answered, counted and forgotten.
"""

import hashlib
import hmac
import json
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, assert_never

from botocore.exceptions import ClientError

from relais import ledger
from relais.act import NOT_CONFIRMED, ActState
from relais.adapters import secrets
from relais.cli.bank import bank_of
from relais.cli.commands.secrets import KEY_PREFIXES, Name, holds, read_secret
from relais.cli.dead import DeadLetters
from relais.cli.reading import SHARDS, Dossier, nominated_dossiers
from relais.cli.stack import FUNCTIONS, Stack, Stage, in_sentences, is_local
from relais.gate import OWED_TRIES, Gate, Kind, Owed, Status
from relais.metrics import DIMENSION, NAMESPACE, Metric
from relais.money import decimal_text
from relais.offer import OfferStatus
from relais.order import ORDER_LEVEL, MilestoneStage, Order, OrderStage
from relais.roster import Freelancer
from relais.rows import RECONCILER_KEY, SHOP_KEY
from relais.steps.book import booked, latest, months_between
from relais.steps.compare import read_report
from relais.steps.readiness import read_recipient
from relais.steps.reconcile import mark_from_row
from relais.steps.runs import waits_for_nobody
from relais.steps.situation import read_offer
from relais.steps.webhook import EVENTS

LATE = timedelta(minutes=10)
"""A row that has been due for so long was overlooked: the clock comes by every minute."""
ACT_LATE = timedelta(hours=1)
RESUME_LATE = timedelta(minutes=5)
BEAT = timedelta(minutes=10)
LATELY = timedelta(hours=1)
UNREAD = timedelta(minutes=90)
"""Stripe's book is read every quarter of an hour."""
HTTP_SECONDS = 30
ALMOST = 0.8
"""Of the day's mails: from here on the rest may not suffice."""
ALIVE = {"RUNNING", "PENDING_REDRIVE"}
_SIDE_PARKS = {Kind.PARK, Kind.STUCK}


class Verdict(StrEnum):
    """What a check found."""

    GOOD = "good"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    """It cannot be read from here; whoever wants to know looks elsewhere."""


STRIPE_KEYS = (
    Name.STRIPE_OPEN_CHECKOUT,
    Name.STRIPE_ENTER_ORDER,
    Name.STRIPE_RUN_ACT,
    Name.STRIPE_ONBOARD,
    Name.STRIPE_RECONCILE,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: about what, what it is, and what to do where something has to be done."""

    check: str
    verdict: Verdict
    what: str
    do: str | None = None
    about: str | None = None


Found = Iterator[tuple[Verdict, str, str | None, str | None]]
"""Verdict, what it is, what to do, about what."""
Check = Callable[[Stack], Found]


def examine(stack: Stack) -> Iterator[Finding]:
    """Make every check. One that cannot be made is told as wrong, and keeps none of the others."""
    for name, check in CHECKS.items():
        try:
            with in_sentences():
                for verdict, what, do, about in check(stack):
                    yield Finding(name, verdict, what, do, about)
        except Exception as error:  # noqa: BLE001 - whatever one check meets, the others are made
            yield Finding(name, Verdict.WRONG, f"could not be checked: {_told(error)}", "see what it says, then again")


def _told(error: Exception) -> str:
    """An error of ours as it says itself; of another only the type, for its text may hold anything."""
    return str(error) if type(error).__module__.startswith("relais.") else type(error).__name__


# --- what was deployed ----------------------------------------------------------------------------------------------


def _outputs(stack: Stack) -> Found:
    url = stack.outputs["PublicUrl"]
    if not url.startswith("https://") and not is_local(url):
        yield (
            Verdict.WRONG,
            f"links lead to {url}, which is not encrypted",
            f'deploy with `make deploy STAGE={stack.stage} CONTEXT="-c public_url=https://…"`',
            "PublicUrl",
        )
        return
    yield Verdict.GOOD, f"both stacks stand; links lead to {url}", None, None


def _functions(stack: Stack) -> Found:
    missing = [name for name in FUNCTIONS if stack.settings_of(name) is None]
    for name in missing:
        yield Verdict.WRONG, "has no alias live", f"deploy again: `make deploy STAGE={stack.stage}`", name
    if not missing:
        yield Verdict.GOOD, f"all {len(FUNCTIONS)} functions answer to their alias", None, None


def _secrets(stack: Stack) -> Found:
    empty = 0
    for name in Name:
        value = read_secret(stack, name)
        fill = f"fill it: `relais secrets set {name}{' --generate' if name is Name.LINK_KEYS else ''}`"
        if value is None:
            empty += 1
            yield Verdict.WRONG, "is empty", f"{fill} --stage {stack.stage}", name.value
        elif holds(name, value) == "something unreadable":
            empty += 1
            yield Verdict.WRONG, "holds something unreadable", f"{fill} --stage {stack.stage}", name.value
    if not empty:
        yield Verdict.GOOD, f"all {len(Name)} secrets are filled", None, None


# --- Stripe ---------------------------------------------------------------------------------------------------------


def _stripe(stack: Stack) -> Found:
    """Each key is asked for what its own function reads; the mode stands in the key itself."""
    import stripe  # slow to load, and needed by few commands

    for name in STRIPE_KEYS:
        bank = bank_of(stack, None, name.value)
        if isinstance(bank, str):
            yield Verdict.WRONG, bank, f"see `relais secrets list --stage {stack.stage}`", name.value
            continue
        if not bank.key.startswith(KEY_PREFIXES[stack.stage]):
            begins = " or ".join(KEY_PREFIXES[stack.stage])
            yield Verdict.WRONG, f"is a key of the other mode (begins with neither {begins})", _again(name), name.value
            continue
        try:
            _ask(bank.client().v1, name)
        except stripe.StripeError as error:
            yield Verdict.WRONG, f"does not work ({_refusal(error)})", _again(name), name.value
        else:
            yield Verdict.GOOD, "works, and is of the right mode", None, name.value


def _ask(api: Any, name: Name) -> None:  # noqa: ANN401 - its type is slow to load
    """What the function with this key may read."""
    if name is Name.STRIPE_ONBOARD:
        api.events.list({"limit": 1})
        return
    if name in {Name.STRIPE_RUN_ACT, Name.STRIPE_RECONCILE}:
        api.balance_transactions.list({"limit": 1})
        return
    api.checkout.sessions.list({"limit": 1})


def _again(name: Name) -> str:
    return f"make a restricted key with the rights of docs/runbook.md and fill it in: `relais secrets set {name}`"


def _refusal(error: Any) -> str:  # noqa: ANN401 - its type is slow to load
    if error.http_status == 401:  # noqa: PLR2004 - unauthorized
        return "Stripe does not know it"
    if error.http_status == 403:  # noqa: PLR2004 - forbidden
        return "it lacks a right"
    return "Stripe does not answer" if error.http_status is None else f"Stripe says {error.http_status}"


def _reconciler(stack: Stack) -> Found:
    """Whether Stripe's book is read, and what the last comparison found."""
    store, now = stack.ports.store, stack.ports.now()
    row, report = store.get(RECONCILER_KEY), read_report(stack.ports)
    looked = None if row is None else mark_from_row(row).looked
    if looked is None or now - looked > UNREAD:
        since = "never" if looked is None else f"for {_minutes(now - looked)} minutes not"
        yield (
            Verdict.UNKNOWN if looked is None and stack.is_local else Verdict.WRONG,
            f"Stripe's book has {since} been read",
            f"see the log of relais-{stack.stage}-reconcile; `relais ledger reconcile` reads it now",
            None,
        )
        return
    if report is not None and report.findings:
        for one in report.findings:
            what = f"{one.kind}: {decimal_text(one.amount, one.currency)} {one.currency}"
            yield Verdict.WRONG, what, "`relais ledger report` says what it is and what to do", one.reference
        return
    yield Verdict.GOOD, "Stripe's book is read, and agrees with ours", None, None


def _payouts(stack: Stack) -> Found:
    """Whether automatic payouts leave what is owed and a reserve, as of the last look (design: money A 5)."""
    import stripe  # likewise

    store, row = stack.ports.store, stack.ports.store.get(RECONCILER_KEY)
    mark = None if row is None else mark_from_row(row)
    bank = bank_of(stack, None, Name.STRIPE_RECONCILE.value)
    if mark is None or mark.looked is None or isinstance(bank, str):
        why = (
            bank if isinstance(bank, str) else "nobody has looked at what is owed yet: see the check of the reconciler"
        )
        yield Verdict.UNKNOWN, why, None, None
        return
    try:
        found = bank.client().v1.balance_settings.retrieve().to_dict()
    except stripe.StripeError as error:
        yield Verdict.UNKNOWN, f"the key of stripe-reconcile cannot tell ({_refusal(error)})", None, None
        return
    leaves = ((found.get("payments") or {}).get("payouts") or {}).get("minimum_balance_by_currency") or {}
    entries, _ = ledger.read(booked(store, months_between(mark.began, latest(store, stack.ports.now()))))
    seen = tuple(one for one in entries if one.at <= mark.looked)
    short = {
        currency: one.to_keep for currency, one in ledger.cover(seen).items() if one.to_keep > leaves.get(currency, 0)
    }
    for currency, amount in short.items():
        left, needed = (decimal_text(one, currency) for one in (leaves.get(currency, 0), amount))
        yield (
            Verdict.WRONG,
            f"automatic payouts leave {left} {currency} at Stripe, but what is owed and a reserve take {needed}",
            "`relais ledger reconcile` raises the minimum balance; by hand: Dashboard, Settings, Payouts",
            currency,
        )
    if not short:
        yield Verdict.GOOD, "automatic payouts leave what is owed and a reserve", None, None


def _webhook(stack: Stack) -> Found:
    """An event as Stripe would sign it, of a type that nobody acts on."""
    yield from _door(stack, "/hooks/stripe", Name.STRIPE_WEBHOOK)


def _accounts_webhook(stack: Stack) -> Found:
    """The same at the door of accounts."""
    yield from _door(stack, "/hooks/stripe/accounts", Name.STRIPE_ACCOUNTS_WEBHOOK)


def _recipients(stack: Stack) -> Found:
    """Who is not payable while money waits for them, and whom Stripe asks for something by a date."""
    store = stack.ports.store
    roster = [Freelancer.from_row(row) for row in store.query("ROSTER", "R#")]
    known = [one for one in (read_recipient(store, who) for who in roster) if one.kept]
    waiting = [one for one in known if one.waits and not one.ready]
    asked = [one for one in known if one.ready and one.needs]
    for one in waiting:
        orders = ", ".join(dict.fromkeys(order for order, _ in one.waits))
        what = f"is not payable ({one.readiness.value}) while pay waits: {orders}"
        yield Verdict.WRONG, what, 'docs/runbook.md, "A transfer is blocked"', one.freelancer
    for one in asked:
        by = "" if one.needed_by is None else f" by {one.needed_by:%Y-%m-%d}"
        what = f"is asked by Stripe for {', '.join(one.needs)}{by}"
        yield Verdict.UNKNOWN, what, f"call them: `relais roster show {one.freelancer}`", one.freelancer
    if not waiting and not asked:
        yield Verdict.GOOD, "no pay waits for a freelancer's account", None, None


def _door(stack: Stack, path: str, name: Name) -> Found:
    url = f"{stack.outputs['PublicUrl']}{path}"
    value = read_secret(stack, name)
    if value is None:
        yield Verdict.WRONG, "cannot be tried: its secret is empty", f"`relais secrets set {name}`", url
        return
    status = _post(url, secrets.webhook_secrets(value)[0], live=stack.stage is Stage.PROD, at=stack.ports.wall())
    match status:
        case 200:
            yield Verdict.GOOD, "answers, and takes events signed with the present secret", None, url
        case 400:
            yield (
                Verdict.WRONG,
                "refuses what is signed with the present secret",
                "functions take a new secret up within five minutes: wait, then check the clock of this machine",
                url,
            )
        case None:
            yield Verdict.WRONG, "does not answer", "check the address, its certificate and the network", url
        case _:
            yield Verdict.WRONG, f"answers {status}", f"see the logs of relais-{stack.stage}", url


def _post(url: str, secret: str, *, live: bool, at: datetime) -> int | None:
    event = {"id": "evt_relais_doctor", "type": "relais.doctor", "livemode": live, "data": {"object": {}}}
    body = json.dumps(event).encode()
    stamp = str(int(at.timestamp()))
    signature = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "stripe-signature": f"t={stamp},v1={signature}"}
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310 - our own output, http or https
    proxies: dict[str, str] | None = {} if is_local(url) else None
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))
        with opener.open(request, timeout=HTTP_SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return None


def _registered(stack: Stack) -> Found:
    """Whether Stripe knows the webhook: a restricted key need not be allowed to tell."""
    import stripe  # likewise

    url = f"{stack.outputs['PublicUrl']}/hooks/stripe"
    by_hand = "look at Stripe's Dashboard, Developers, Webhooks"
    bank = bank_of(stack, None)
    if isinstance(bank, str):
        yield Verdict.UNKNOWN, bank, None, url
        return
    try:
        found = list(bank.client().v1.webhook_endpoints.list({"limit": 100}).auto_paging_iter())
    except stripe.StripeError as error:
        yield Verdict.UNKNOWN, f"the key of stripe-run-act cannot tell ({_refusal(error)}): {by_hand}", None, url
        return
    ours = [one for one in found if one.url == url]
    if not any(one.status == "enabled" for one in ours):
        what = "is switched off at Stripe" if ours else "is not known to Stripe: no payment will ever arrive"
        yield Verdict.WRONG, what, f"{by_hand}: an endpoint for {', '.join(sorted(EVENTS))}", url
        return
    heard = {event for one in ours if one.status == "enabled" for event in one.enabled_events}
    missing = set() if "*" in heard else EVENTS - heard
    if missing:
        yield Verdict.WRONG, f"is not told of {', '.join(sorted(missing))}", f"{by_hand}: add them", url
        return
    yield Verdict.GOOD, "is registered for every event it acts on", None, url


# --- mail -----------------------------------------------------------------------------------------------------------


def _mail(stack: Stack) -> Found:
    client = stack.cloud.client("sesv2")
    sender = (stack.settings_of("open-gate") or {}).get("RELAIS_SENDER", "")
    domain = sender.rpartition("@")[2]
    if not domain:
        yield Verdict.WRONG, "no sender is configured", "deploy with -c sender=you@your-shop.fr", None
    else:
        yield _identity(client, domain)
    yield from _account(client.get_account(), stack.stage)


def _identity(client: Any, domain: str) -> tuple[Verdict, str, str | None, str | None]:  # noqa: ANN401 - a client
    try:
        verified = client.get_email_identity(EmailIdentity=domain).get("VerifiedForSendingStatus")
    except ClientError as error:
        if error.response["Error"]["Code"] != "NotFoundException":
            raise
        return Verdict.WRONG, "is no identity of this account", "deploy the data stack again", domain
    if verified:
        return Verdict.GOOD, "is verified: mails may be sent from it", None, domain
    return (
        Verdict.WRONG,
        "is not verified: no mail is sent",
        "add the three DKIM records of SES (console, Identities) to its DNS",
        domain,
    )


def _account(account: dict[str, Any], stage: Stage) -> Found:
    quota = account.get("SendQuota", {})
    most, sent = int(quota.get("Max24HourSend", 0)), int(quota.get("SentLast24Hours", 0))
    if not account.get("SendingEnabled", True):
        yield Verdict.WRONG, "Amazon has paused sending", "see SES, Reputation: it says why and what it wants", None
    if not account.get("ProductionAccessEnabled", True):
        what = "SES is in its sandbox: mails reach verified addresses only"
        verdict = Verdict.WRONG if stage is Stage.PROD else Verdict.UNKNOWN
        yield verdict, what, "ask for production access (SES, Account dashboard)", None
    if most > 0 and sent >= ALMOST * most:
        yield Verdict.WRONG, f"{sent} of {most} mails a day are sent", "ask for a higher quota (SES, Account)", None
        return
    yield Verdict.GOOD, f"{sent} mails in 24 hours, {most} allowed", None, None


# --- the clock and what it works at -----------------------------------------------------------------------------------


def _clock(stack: Stack) -> Found:
    if stack.is_local:
        yield Verdict.UNKNOWN, "a local stack keeps no metrics: see what is due", None, None
        return
    wall = stack.ports.wall()
    found = stack.cloud.client("cloudwatch").get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName=Metric.CLOCK_TICK.value,
        Dimensions=[{"Name": DIMENSION, "Value": f"relais-{stack.stage}"}],
        StartTime=wall - BEAT,
        EndTime=wall,
        Period=int(BEAT.total_seconds()),
        Statistics=["Sum"],
    )
    ticks = int(sum(point["Sum"] for point in found["Datapoints"]))
    if ticks:
        yield Verdict.GOOD, f"{ticks} ticks in {_minutes(BEAT)} minutes", None, None
        return
    yield (
        Verdict.WRONG,
        f"has not ticked for {_minutes(BEAT)} minutes: nothing that is due happens",
        f"see the schedule relais-{stack.stage}-clock and the log of relais-{stack.stage}-tick-clock",
        None,
    )


def _oldest_due(stack: Stack) -> Found:
    store, now = stack.ports.store, stack.ports.now()
    keys = [key for shard in SHARDS for key in store.due(f"D#{shard:02d}", now, 1)]
    rows = [row for row in (store.get(key) for key in keys) if row is not None and "due" in row]
    late = sorted((now - datetime.fromisoformat(row["due"]), row["pk"], row["sk"]) for row in rows)
    overdue = [one for one in late if one[0] >= LATE]
    for age, pk, sk in overdue:
        yield (
            Verdict.WRONG,
            f"{sk} has been due for {_minutes(age)} minutes",
            f"see the log of relais-{stack.stage}-tick-clock",
            pk.removeprefix("O#"),
        )
    if not overdue:
        yield Verdict.GOOD, "nothing is overdue", None, None


def _alarms(stack: Stack) -> Found:
    if stack.is_local:
        yield Verdict.UNKNOWN, "a local stack keeps no metrics", None, None
        return
    pages = stack.cloud.client("cloudwatch").get_paginator("describe_alarms")
    prefix = f"relais-{stack.stage}-"
    ringing = [
        alarm["AlarmName"].removeprefix(prefix)
        for page in pages.paginate(AlarmNamePrefix=prefix, StateValue="ALARM")
        for alarm in page["MetricAlarms"]
        if alarm["StateValue"] == "ALARM"
    ]
    for name in ringing:
        yield Verdict.WRONG, "rings", f"see docs/runbook.md, {name}", name
    if not ringing:
        yield Verdict.GOOD, "none rings", None, None


def _told_whom(stack: Stack) -> Found:
    """An alarm that nobody hears is none; stage dev may do without."""
    client = stack.cloud.client("sns")
    topics = [topic["TopicArn"] for page in client.get_paginator("list_topics").paginate() for topic in page["Topics"]]
    topic = next((arn for arn in topics if arn.endswith(f":relais-{stack.stage}-alarms")), None)
    if topic is None:
        yield Verdict.WRONG, "the topic of the alarms is missing", f"`make deploy STAGE={stack.stage}`", None
        return
    found = client.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    if any(one["SubscriptionArn"].startswith("arn:") for one in found):
        yield Verdict.GOOD, "somebody is told of alarms", None, None
        return
    what = "whoever is to be told of alarms has not confirmed it" if found else "nobody is told of alarms"
    do = "follow the link in the mail" if found else f'`make deploy STAGE={stack.stage} CONTEXT="-c alarm_email=…"`'
    yield Verdict.WRONG if stack.stage is Stage.PROD else Verdict.UNKNOWN, what, do, None


def _permissions(stack: Stack) -> Found:
    """What AWS refused the functions lately, from their logs."""
    client, since = stack.cloud.client("logs"), stack.ports.wall() - LATELY
    refused = 0
    for name in FUNCTIONS:
        missing = Counter(_refusals(client, f"/aws/lambda/relais-{stack.stage}-{name}", since))
        refused += len(missing)
        for what, times in sorted(missing.items()):
            yield (
                Verdict.WRONG,
                f"is not allowed {what} ({times} times in {_minutes(LATELY)} minutes)",
                f"see docs/runbook.md, not-allowed: grant it and deploy (`make deploy STAGE={stack.stage}`)",
                name,
            )
    if not refused:
        yield Verdict.GOOD, f"no function was refused anything in {_minutes(LATELY)} minutes", None, None


def _refusals(client: Any, group: str, since: datetime) -> Iterator[str]:  # noqa: ANN401 - a client
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=int(since.timestamp() * 1000), filterPattern='"denied"'
    )
    try:
        for page in pages:
            for event in page["events"]:
                yield from filter(None, map(_denied, event["message"].splitlines()))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise


def _denied(line: str) -> str | None:
    """The permission that a log line names; lines of other things and of other shapes name none."""
    try:
        told = json.loads(line) if '"denied"' in line else None
    except ValueError:
        return None
    return str(told["denied"]) if isinstance(told, dict) and "denied" in told else None


def _dead_letters(stack: Stack) -> Found:
    count = DeadLetters(stack).count()
    if count:
        what = "1 call" if count == 1 else f"{count} calls"
        yield Verdict.WRONG, f"{what} kept failing", "`relais ops dead`, mend the cause, `relais ops replay`", None
        return
    yield Verdict.GOOD, "none", None, None


# --- orders ---------------------------------------------------------------------------------------------------------


def _orders(stack: Stack) -> Found:
    """Every order that the clock still has to look at: what keeps it, and who has to do what."""
    ports = stack.ports
    looked = 0
    healthy = True
    for dossier in nominated_dossiers(ports.store):
        looked += 1
        for what, do in _ailments(stack, dossier):
            healthy = False
            yield Verdict.WRONG, what, do, dossier.order.id
    if healthy:
        yield Verdict.GOOD, f"none of {looked} is parked, stuck, or owed something that was given up", None, None


def _ailments(stack: Stack, dossier: Dossier) -> Iterator[tuple[str, str]]:
    order = dossier.order
    show = f"`relais order show {order.id}`"
    yield from _parked(dossier, show)
    if order.is_open:
        yield from _stuck(stack, dossier)
    yield from _given_up(order, dossier.gates, stack.ports.now())
    for act in dossier.acts:
        match act.state:
            case ActState.REFUSED if act.why == NOT_CONFIRMED:
                yield f"{act.id}: you kept the {act.kind} back", f"decide how to go on; {show}"
            case ActState.REFUSED:
                yield f"{act.id}: Stripe refused the {act.kind} ({act.why})", f"mend the cause, answer the park; {show}"
            case ActState.UNKNOWN:
                yield (
                    f"{act.id}: nobody knows whether the {act.kind} was made ({act.why})",
                    f"look for {act.operation} at Stripe, then answer what was asked of you; {show}",
                )
            case ActState.PLANNED | ActState.SENDING:
                if act.first_sent is not None and stack.ports.wall() - act.first_sent >= ACT_LATE:
                    yield (
                        f"{act.id}: sent an hour ago, its end is not known",
                        f"see relais-{stack.stage}-run-act; {show}",
                    )
            case ActState.DONE | ActState.VOID:
                pass
            case _:
                assert_never(act.state)


def _parked(dossier: Dossier, show: str) -> Iterator[tuple[str, str]]:
    order = dossier.order
    asked = next((gate for gate in dossier.gates if gate.status is Status.OPEN and gate.id.kind in _SIDE_PARKS), None)
    answer = "the seller answers from the link in the mail" if asked else "its gate opens soon, else start the next run"
    if order.stage is OrderStage.PARK:
        yield f"is parked (was at {order.parked_from}: {order.parked_why})", f"{answer}; {show}"
    for milestone in dossier.milestones:
        if milestone.stage is MilestoneStage.PARK and order.is_open:
            was = f"was at {milestone.parked_from}: {milestone.parked_why}"
            yield f"milestone {milestone.number} is parked ({was})", f"{answer}; {show}"
    if asked is not None and asked.id.kind is Kind.STUCK:
        yield (
            "is stuck: several runs brought it no further",
            f"see its execution, then `relais order resume {order.id}`",
        )


def _stuck(stack: Stack, dossier: Dossier) -> Iterator[tuple[str, str]]:
    """An open order lives by its execution, and by a date at which the clock looks at it."""
    order, ports = dossier.order, stack.ports
    resume = f"the clock starts the next run by itself; sooner: `relais order resume {order.id}`"
    status = ports.machine.status(order.id, order.run)
    if status not in ALIVE and order.owes_start is None:
        yield f"its execution {order.id}-{order.run} is {status}", resume
        return
    if status not in ALIVE or order.stage is OrderStage.PARK:
        return
    for level in waits_for_nobody(order, dossier.milestones, dossier.gates):
        where = "" if level == ORDER_LEVEL else f"milestone {level} "
        yield f"{where}waits, and nobody is asked", resume


def _given_up(order: Order, gates: tuple[Gate, ...], now: datetime) -> Iterator[tuple[str, str]]:
    if (order.owes_start or 0) >= OWED_TRIES:
        yield f"its run {order.run} could not be started in {order.owes_start} tries", "see the log of the clock"
    if (order.owes_mail or 0) >= OWED_TRIES:
        yield f"its last mails were refused {order.owes_mail} times", "see the check of mail, and the addresses"
    for gate in gates:
        mails = int(gate.owes.get(Owed.MAIL.value, 0))
        if mails >= OWED_TRIES:
            yield f"{gate.id}: its mail was refused {mails} times", "see the check of mail, and the address"
        if Owed.RESUME.value in gate.owes and gate.decision is not None and now - gate.decision.at >= RESUME_LATE:
            yield f"{gate.id}: the decision was not taken up", f"see its execution; `relais order resume {order.id}`"


def _minutes(time: timedelta) -> int:
    return int(time.total_seconds()) // 60


def _debits(stack: Stack) -> Found:
    """Whether Stripe takes the SEPA debits that offers on sale allow: without that their checkout opens for nobody."""
    import stripe  # likewise

    store = stack.ports.store
    row = store.get(SHOP_KEY)
    on_sale = [] if row is None else [one for one in row.get("offers", []) if one["status"] == OfferStatus.OPEN.value]
    takes = [one["slug"] for one in on_sale if read_offer(store, one["slug"], one["version"]).policy.debits]
    if not takes:
        return
    about = ", ".join(takes)
    bank = bank_of(stack, None, Name.STRIPE_RECONCILE.value)
    if isinstance(bank, str):
        yield Verdict.UNKNOWN, bank, None, about
        return
    try:
        able = bank.client().v1.accounts.retrieve_current().to_dict().get("capabilities") or {}
    except stripe.StripeError as error:
        yield Verdict.UNKNOWN, f"the key of stripe-reconcile cannot tell ({_refusal(error)})", None, about
        return
    if able.get("sepa_debit_payments") == "active":
        yield Verdict.GOOD, "Stripe takes the SEPA debits that they allow", None, about
        return
    what = "allow SEPA debits, which Stripe does not take on this account: who wishes for one cannot pay"
    do = "switch them on in Stripe's Dashboard, Settings, Payment methods; or leave sepa_debit out of `payment`"
    yield Verdict.WRONG, what, do, about


CHECKS: dict[str, Check] = {
    "stacks": _outputs,
    "functions": _functions,
    "permissions": _permissions,
    "secrets": _secrets,
    "stripe keys": _stripe,
    "webhook": _webhook,
    "webhook of accounts": _accounts_webhook,
    "webhook at Stripe": _registered,
    "recipients": _recipients,
    "reconciler": _reconciler,
    "payouts": _payouts,
    "debits": _debits,
    "mail": _mail,
    "clock": _clock,
    "due": _oldest_due,
    "alarms": _alarms,
    "alarms told": _told_whom,
    "dead letters": _dead_letters,
    "orders": _orders,
}
