"""Words that people write: kept in the bucket, where rows hold their keys only; a brief may be saved half done."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from relais.order import stamp
from relais.ports import Ports

TEXTS = "texts/"


def keep_text(ports: Ports, order: str, name: str, body: str) -> str:
    """Keep words in the bucket under their own digest; rows hold the key only. Returns the key."""
    digest = hashlib.sha256(body.encode()).hexdigest()[:16]
    key = f"{TEXTS}{order}/{name}-{digest}"
    ports.files.put_text(key, body)
    return key


@dataclass(frozen=True, slots=True, repr=False)
class SavedBrief:
    """What was typed so far."""

    answers: dict[str, str]
    files: tuple[str, ...]
    saved_at: str | None


def draft_text_key(order: str) -> str:
    """Where an unfinished brief is kept."""
    return f"{TEXTS}{order}/brief-draft.json"


def save_brief(ports: Ports, order: str, answers: dict[str, str], files: tuple[str, ...]) -> None:
    """Keep an unfinished brief; it can be gone on with at any time. What is saved already is not saved again."""
    typed = {name: value for name, value in answers.items() if value}
    saved = saved_brief(ports, order)
    if (typed, files) == (saved.answers, saved.files):
        return
    body = {"answers": typed, "files": list(files), "saved_at": stamp(ports.now())}
    ports.files.put_text(draft_text_key(order), json.dumps(body, ensure_ascii=False))


def saved_brief(ports: Ports, order: str) -> SavedBrief:
    """What was saved last."""
    text = ports.files.get_text(draft_text_key(order))
    if text is None:
        return SavedBrief({}, (), None)
    body = json.loads(text)
    return SavedBrief(body["answers"], tuple(body["files"]), body["saved_at"])
