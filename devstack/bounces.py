"""Mails to the addresses of SES' mailbox simulator come back: the local stack tells the deployed function as SES would.

`bounce@simulator.amazonses.com` bounces for good, `suppressionlist@` as an address that SES sends nothing to any more,
`complaint@` calls each mail spam; `bounce+marie@` and so on work too, so that two people of one order can be told apart
(docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html, mailbox simulator). The local cloud refuses events
of `aws.ses` on its bus, as AWS does, and keeps no tags of mails: the function that the rule names is called with the
event, and the tags are found again.
"""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from devstack.cloud import ACCOUNT, REGION, STAGE, Cloud
from devstack.mailbox import Mail
from relais.gate import Status, gate_from_row
from relais.ports import Store

SIMULATOR = "simulator.amazonses.com"
PAUSE_SECONDS = 2.0
GATE_LINK = re.compile(r"/g/([0-9a-z]{12})/([0-9]+-[a-z]+-[0-9]+)/")
ORDER_LINK = re.compile(r"/o/([0-9a-z]{12})/")
SUBTYPES = {"bounce": "General", "suppressionlist": "OnAccountSuppressionList"}
"""What bounces, and how SES calls it."""
FUNCTION = f"relais-{STAGE}-record-bounce:live"


def event_of(mail: Mail, tags: Mapping[str, str]) -> dict[str, Any] | None:
    """The event that SES would put on the bus for a mail; None where it arrives."""
    (to, *_) = mail.to
    local, _, domain = to.lower().partition("@")
    told = _told(local.partition("+")[0], to) if domain == SIMULATOR else None
    if told is None:
        return None
    named = {"ses:configuration-set": f"relais-{STAGE}"} | dict(tags)
    about = {
        "timestamp": mail.at,
        "source": mail.sender,
        "messageId": f"local-{mail.number:06d}",
        "destination": [to],
        "tags": {name: [value] for name, value in named.items()},
    }
    return {
        "version": "0",
        "id": f"local-{mail.number:06d}",
        "source": "aws.ses",
        "account": ACCOUNT,
        "region": REGION,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "resources": [f"arn:aws:ses:{REGION}:{ACCOUNT}:configuration-set/relais-{STAGE}"],
        **told,
        "detail": {**told["detail"], "mail": about},
    }


def _told(what: str, to: str) -> dict[str, Any] | None:
    if what == "complaint":
        complaint = {"complainedRecipients": [{"emailAddress": to}], "complaintFeedbackType": "abuse"}
        return {"detail-type": "Email Complaint Received", "detail": {"eventType": "Complaint", "complaint": complaint}}
    if what not in SUBTYPES:
        return None
    bounce = {
        "bounceType": "Permanent",
        "bounceSubType": SUBTYPES[what],
        "bouncedRecipients": [{"emailAddress": to, "action": "failed", "status": "5.1.1"}],
    }
    return {"detail-type": "Email Bounced", "detail": {"eventType": "Bounce", "bounce": bounce}}


class Bounces:
    """Looks at the mails that were sent, and tells of those that come back; each once."""

    def __init__(self, cloud: Cloud, store: Store) -> None:
        """Begin with the first mail."""
        self._cloud = cloud
        self._store = store
        self._seen = 0

    def look(self) -> int:
        """Tell of the mails sent since the last look; gives how many came back."""
        mails = self._cloud.mails()
        told = 0
        for mail in mails[self._seen :]:
            event = event_of(mail, self._tags(mail))
            if event is not None:
                self._cloud.client("lambda").invoke(
                    FunctionName=FUNCTION, InvocationType="Event", Payload=json.dumps(event).encode()
                )
                told += 1
            self._seen = mail.number
        return told

    def _tags(self, mail: Mail) -> dict[str, str]:
        """What the function that sent the mail tagged it with: its order, and the gate that it asks about."""
        gate, order = GATE_LINK.search(mail.text), ORDER_LINK.search(mail.text)
        if gate is not None:
            return {"order": gate[1], "gate": gate[2]}
        if order is None:
            return {}
        gates = map(gate_from_row, self._store.query(f"O#{order[1]}", "G#"))
        open_now = [str(one.id) for one in gates if one.status is Status.OPEN]
        return {"order": order[1]} | ({"gate": open_now[0]} if open_now else {})


@contextmanager
def bouncing(cloud: Cloud, store: Store) -> Iterator[Bounces]:
    """Mails come back for as long as the block lasts."""
    bounces, over = Bounces(cloud, store), threading.Event()

    def watch() -> None:
        while not over.wait(PAUSE_SECONDS):
            try:
                bounces.look()
            except Exception:  # noqa: BLE001, S112 - whatever it meets, the watch goes on: mails come back later
                continue

    thread = threading.Thread(target=watch, name="bounces", daemon=True)
    thread.start()
    try:
        yield bounces
    finally:
        over.set()
        thread.join(PAUSE_SECONDS)
