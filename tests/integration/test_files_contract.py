"""The bucket's contract, on the double in memory and on the shipped adapter before moto."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import requests
from moto import mock_aws

from devstack.simulation.memory import MemoryFiles
from devstack.simulation.world import REGION
from relais.adapters.s3 import S3Files
from relais.ports import Files

KEY = "files/order/01-work-0001/0123456789ab-logo à 2.png"
BUCKET = "relais-dev-files"


@dataclass
class Bucket:
    """Files as steps see them, as a holder of a permit changes them, and as a holder of an address gets them."""

    files: Files
    send: Callable[[str, bytes], object]
    fetch: Callable[[str], bytes]


@pytest.fixture(params=["memory", "s3"])
def bucket(request: pytest.FixtureRequest) -> Iterator[Bucket]:
    if request.param == "memory":
        files = MemoryFiles()
        yield Bucket(files, files.objects.__setitem__, lambda url: files.read(KEY, _query(url, "upload")))
        return
    with mock_aws():
        client = boto3.client("s3", region_name=REGION)
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield Bucket(
            S3Files(client, BUCKET),
            lambda key, body: client.put_object(Bucket=BUCKET, Key=key, Body=body),
            lambda url: requests.get(url, timeout=5).content,
        )


def _query(url: str, name: str) -> str:
    return parse_qs(urlsplit(url).query).get(name, [""])[0]


def test_an_upload_stays_what_it_was_when_another_is_sent_under_its_key(bucket: Bucket) -> None:
    """The hour of a permit outlasts the handing in."""
    bucket.send(KEY, b"first")
    measured = bucket.files.measure(KEY)
    assert measured is not None
    size, upload = measured
    bucket.send(KEY, b"and another")
    assert size == 5
    assert bucket.files.read(KEY, upload) == b"first"
    assert bucket.files.digest(KEY, upload) == hashlib.sha256(b"first").hexdigest()
    assert bucket.fetch(bucket.files.link(KEY, "logo.png", upload)) == b"first"
    later = bucket.files.measure(KEY)
    assert later is not None
    assert later[0] == 11
    assert later[1] != upload


def test_a_row_of_before_uploads_were_told_apart_means_the_last(bucket: Bucket) -> None:
    """Their files are still fetched."""
    bucket.send(KEY, b"first")
    assert bucket.files.read(KEY, "") == b"first"
    assert bucket.fetch(bucket.files.link(KEY, "logo.png", "")) == b"first"


def test_what_was_never_sent_has_no_size(bucket: Bucket) -> None:
    """A form may name a file whose upload failed."""
    assert bucket.files.measure(KEY) is None


def test_a_file_that_an_operator_sends_is_measured_like_an_upload(bucket: Bucket) -> None:
    """Handed in for somebody else, it is looked at and fetched like what they sent themselves."""
    bucket.files.put_file(KEY, io.BytesIO(b"by hand"), "image/png")
    measured = bucket.files.measure(KEY)
    assert measured is not None
    size, upload = measured
    assert (size, bucket.files.digest(KEY, upload)) == (7, hashlib.sha256(b"by hand").hexdigest())
    assert bucket.fetch(bucket.files.link(KEY, "logo.png", upload)) == b"by hand"
