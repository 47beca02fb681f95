"""The post: letters are written by the pages and sent with SES."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formataddr
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from relais.ports import MailRefusedError

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

    from relais.pages.letter_views import AnyLetter, Mail


class SesMailer:
    """Sends from one verified address."""

    def __init__(
        self,
        client: SESV2Client,
        sender: str,
        configuration_set: str,
        write: Callable[[AnyLetter], Mail],
    ) -> None:
        """`write` turns what a step says into a mail."""
        self._client = client
        self._sender = sender
        self._configuration_set = configuration_set
        self._write = write

    def send(self, letter: AnyLetter) -> None:
        """Write and send one mail. Raises `MailRefusedError`."""
        mail = self._write(letter)
        request: dict[str, Any] = {
            "FromEmailAddress": formataddr((letter.frame.shop.brand, self._sender)),
            "Destination": {"ToAddresses": [mail.to]},
            "ReplyToAddresses": [letter.frame.shop.email],
            # By these the post's events name what a mail was about.
            "EmailTags": [{"Name": name, "Value": value} for name, value in _tags(letter).items()],
            "Content": {
                "Simple": {
                    "Subject": {"Data": mail.subject, "Charset": "UTF-8"},
                    "Body": {
                        "Text": {"Data": mail.text, "Charset": "UTF-8"},
                        "Html": {"Data": mail.html, "Charset": "UTF-8"},
                    },
                }
            },
        }
        if self._configuration_set:
            request["ConfigurationSetName"] = self._configuration_set
        try:
            self._client.send_email(**request)
        except ClientError as error:
            raise MailRefusedError(error.response["Error"]["Code"]) from error
        except BotoCoreError as error:
            raise MailRefusedError(type(error).__name__) from error


def _tags(letter: AnyLetter) -> dict[str, str]:
    """What the mail is about; only letters are about a gate that the clock looks at when they come back."""
    order, gate = getattr(letter, "order", None), getattr(letter, "gate", None)
    tags = {} if order is None else {"order": order.id}
    return tags if gate is None else tags | {"gate": str(gate.id)}
