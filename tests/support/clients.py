"""The SDK's clients, made once for many tests: making one costs more than most calls on moto."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from botocore.session import Session

_MADE: dict[Any, Any] = {}


@contextmanager
def clients_made_once() -> Iterator[None]:
    """Whatever session asks: what was made with the same settings, from the same environment, is given again."""
    make = Session.create_client

    def remembered(session: Session, service_name: str, *given: Any, config: Any = None, **named: Any) -> Any:
        settings = {} if config is None else config._user_provided_options
        credentials = session.get_credentials()
        key = (
            service_name,
            repr(
                (given, sorted(named.items()), sorted(settings.items()), sorted(session.instance_variables().items()))
            ),
            None if credentials is None else credentials.get_frozen_credentials(),
            session.get_config_variable("region"),
            frozenset((name, value) for name, value in os.environ.items() if name.startswith("AWS_")),
        )
        if key not in _MADE:
            _MADE[key] = make(session, service_name, *given, config=config, **named)
        return _MADE[key]

    with patch.object(Session, "create_client", remembered):
        yield
