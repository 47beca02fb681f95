"""The bucket: texts, briefs and deliverables. Links and upload forms are signed here; signing asks nobody."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from typing import BinaryIO

    from mypy_boto3_s3 import S3Client

LINK_SECONDS = 900
PERMIT_SECONDS = 3_600
CHUNK = 1024 * 1024
INLINE_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "svg": "image/svg+xml",
}
_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})


class S3Files:
    """The files of one stage."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        """Talk to one bucket."""
        self._client = client
        self._bucket = bucket

    def put_text(self, key: str, body: str) -> None:
        """Keep a text."""
        self._client.put_object(
            Bucket=self._bucket, Key=key, Body=body.encode(), ContentType="text/plain; charset=utf-8"
        )

    def get_text(self, key: str) -> str | None:
        """Read a text, or nothing where there is none."""
        try:
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read().decode()
        except ClientError as error:
            if _code(error) in _MISSING:
                return None
            raise

    def put_file(self, key: str, body: BinaryIO, content_type: str) -> None:
        """Keep a file, read as it is sent, to be saved under its name like those that were uploaded."""
        name = key.rsplit("/", 1)[-1].partition("-")[2]
        self._client.put_object(
            Bucket=self._bucket, Key=key, Body=body, ContentType=content_type, ContentDisposition=_saved_as(name)
        )

    def permit(self, key: str, size: int, content_type: str) -> dict[str, Any]:
        """A form that uploads this object of exactly `size` bytes, to be saved under its name, never shown.

        The object itself says so: an address without our word for it (`link`) opens nothing in a browser either.
        """
        name = key.rsplit("/", 1)[-1].partition("-")[2]
        fields = {"Content-Type": content_type or "application/octet-stream", "Content-Disposition": _saved_as(name)}
        return dict(
            self._client.generate_presigned_post(
                Bucket=self._bucket,
                Key=key,
                Fields=dict(fields),
                Conditions=[*({field: value} for field, value in fields.items()), ["content-length-range", size, size]],
                ExpiresIn=PERMIT_SECONDS,
            )
        )

    def measure(self, key: str) -> tuple[int, str] | None:
        """The size in bytes and S3's version of what stands under a key now, or nothing where nothing does."""
        try:
            head = self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if _code(error) in _MISSING:
                return None
            raise
        return head["ContentLength"], head["VersionId"]

    def link(self, key: str, name: str, upload: str, *, inline: bool = False) -> str:
        """A short-lived address to fetch an upload under its name; only images are ever shown inline."""
        kind = INLINE_TYPES.get(name.rsplit(".", 1)[-1].lower()) if inline else None
        params = {
            **self._place(key, upload),
            "ResponseContentDisposition": _saved_as(name, "inline" if kind else "attachment"),
        } | ({"ResponseContentType": kind} if kind else {})
        return self._client.generate_presigned_url("get_object", Params=params, ExpiresIn=LINK_SECONDS)

    def read(self, key: str, upload: str) -> bytes:
        """The content of an upload that is known to be small."""
        return self._client.get_object(**self._place(key, upload))["Body"].read()

    def digest(self, key: str, upload: str) -> str:
        """The SHA-256 of an upload's content, read in pieces."""
        digest = hashlib.sha256()
        for chunk in self._client.get_object(**self._place(key, upload))["Body"].iter_chunks(CHUNK):
            digest.update(chunk)
        return digest.hexdigest()

    def _place(self, key: str, upload: str) -> dict[str, Any]:
        """Where an upload stands; rows of before uploads were told apart name none, and mean the last."""
        return {"Bucket": self._bucket, "Key": key} | ({"VersionId": upload} if upload else {})

    @property
    def origin(self) -> str:
        """Where browsers fetch objects from and send them to."""
        address = urlsplit(
            self._client.generate_presigned_url("get_object", Params={"Bucket": self._bucket, "Key": "x"})
        )
        return f"{address.scheme}://{address.netloc}"


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]


def _saved_as(name: str, disposition: str = "attachment") -> str:
    """How a browser is to take a file, and under which name (RFC 6266)."""
    return f"{disposition}; filename*=UTF-8''{quote(name)}"
