"""What AWS says when it refuses: which permission a function lacks."""

from __future__ import annotations

import re

REFUSAL = re.compile(r"is not authorized to perform: (?P<action>[\w-]+:\w+)(?: on resource: (?P<resource>[^\s\"]+))?")


def denied(error: BaseException | None) -> str | None:
    """The missing permission that an error, or what caused it, tells of: `ses:SendEmail on arn:…`; else nothing.

    Of an object only its bucket is told: its key holds the name that somebody gave a file.
    """
    while error is not None:
        found = REFUSAL.search(str(error))
        if found is not None:
            resource = (found["resource"] or "*").strip(".,")
            shown = resource.partition("/")[0] if ":s3:" in resource else resource
            return f"{found['action']} on {shown}"
        error = error.__cause__ or error.__context__
    return None
