"""The SDK's core, started quickly (docs/decisions/0003).

What boto3 adds to botocore (resources, managed transfers) takes time on every cold start and serves nothing here. Nor
does the list of all of AWS: before it makes a client, botocore looks through some four hundred folders for names.
"""

from __future__ import annotations

from botocore.loaders import Loader
from botocore.session import Session, get_session

SERVICES = ("dynamodb", "lambda", "s3", "secretsmanager", "sesv2", "stepfunctions")
"""Those that adapters make clients of."""


class _KnownServices(Loader):
    """Reads the descriptions of our services without listing those of all others."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - the same for every type
        return list(SERVICES)


def session() -> Session:
    """A session of the SDK that makes clients of `SERVICES`."""
    made = get_session()
    made.register_component("data_loader", _KnownServices())
    return made
