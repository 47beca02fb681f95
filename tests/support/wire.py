"""DynamoDB's own protocol, spoken without an SDK: a test of races makes a hundred thousand calls.

A request of the low-level client is the protocol's JSON already (docs.aws.amazon.com, DynamoDB low-level API), so that
shaping, signing and parsing by service model, which take most of a processor, are left out. Errors are botocore's own,
for the store reads them. `tests/support/store_contract.py` holds for the store on it as on botocore's client.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import urllib3
from botocore.exceptions import ClientError

API = "DynamoDB_20120810"
SECONDS = 60.0


class WireClient:
    """A client for many threads of a DynamoDB that looks at no signature: DynamoDB Local."""

    def __init__(self, url: str, region: str, connections: int) -> None:
        """Talk to an address of the loopback."""
        self._pool = urllib3.connection_from_url(url, maxsize=connections, retries=False, timeout=SECONDS)
        self._headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": f"AWS4-HMAC-SHA256 Credential=nobody/20260101/{region}/dynamodb/aws4_request, "
            "SignedHeaders=host, Signature=none",
        }

    def __getattr__(self, name: str) -> Callable[..., Any]:
        target = f"{API}.{name.title().replace('_', '')}"

        def call(**request: Any) -> Any:
            return self._call(target, request)

        return call

    def _call(self, target: str, request: dict[str, Any]) -> Any:
        answer = self._pool.request(
            "POST", "/", body=json.dumps(request).encode(), headers=self._headers | {"X-Amz-Target": target}
        )
        body = json.loads(answer.data)
        if answer.status == 200:
            return body
        kind = body.pop("__type").rpartition("#")[2]
        told = {"Error": {"Code": kind, "Message": body.get("message") or body.get("Message", "")}} | body
        raise ClientError(told, target.rpartition(".")[2])

    def close(self) -> None:
        """End the connections."""
        self._pool.close()
