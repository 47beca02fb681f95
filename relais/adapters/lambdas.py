"""Functions called without waiting for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class LambdaBackground:
    """Asynchronous calls of the function that pays, of the clock, and of the one that keeps accounts."""

    def __init__(self, client: LambdaClient, act_function: str, clock_function: str, account_function: str) -> None:
        """Name the functions, with their alias."""
        self._client = client
        self._act = act_function
        self._clock = clock_function
        self._account = account_function

    def run_act(self, order: str, owed: str) -> None:
        """Have the function that pays look at what an order owes."""
        self._call(self._act, {"order": order, "owed": owed})

    def look_at(self, freelancer: str) -> None:
        """Have the function that keeps accounts ask Stripe about somebody's."""
        self._call(self._account, {"freelancer": freelancer})

    def tick_again(self, remaining: dict[str, Any]) -> None:
        """Have the clock go on with what remains."""
        self._call(self._clock, remaining)

    def _call(self, function: str, payload: dict[str, Any]) -> None:
        self._client.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(payload).encode())
