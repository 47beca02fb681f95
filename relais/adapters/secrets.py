"""Secrets Manager. Values are cached for a few minutes and never logged."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from relais.errors import RelaisError
from relais.link import LinkKeys

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


class SecretEmptyError(RelaisError):
    """A secret was created with the stack and never filled."""

    def __init__(self, name: str) -> None:
        """Keep its name."""
        super().__init__(f"the secret {name} is empty: fill it with `relais secrets set`")
        self.name = name


def read(client: SecretsManagerClient, name: str) -> Any:
    """A secret's value: the object its JSON holds, or the text itself. Raises `SecretEmptyError`."""
    try:
        text = client.get_secret_value(SecretId=name).get("SecretString", "")
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            raise SecretEmptyError(name) from error
        raise
    if not text.strip():
        raise SecretEmptyError(name)
    try:
        return json.loads(text)
    except ValueError:
        return text


def link_keys(value: Any) -> LinkKeys:
    """Link keys from their secret: `{"current": id, "keys": {id: base64}}`."""
    return LinkKeys(value["current"], {name: base64.b64decode(key) for name, key in value["keys"].items()})


def webhook_secrets(value: Any) -> tuple[str, ...]:
    """The signing secrets of a webhook: one, or two while it is rotated."""
    return tuple(value["secrets"]) if isinstance(value, dict) else (str(value),)


def stripe_key(value: Any) -> str:
    """A Stripe key from its secret."""
    return str(value["key"]) if isinstance(value, dict) else str(value)
