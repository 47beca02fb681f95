"""The table: reads are consistent, writes are all or nothing under guards, indexes only nominate.

The adapter tells a condition that failed (read again, decide again) from two transactions that met (the same again,
with jitter). Design: workflow section 5.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from relais.adapters.keys import BOOK, DESK, DUE
from relais.errors import RelaisError
from relais.order import stamp
from relais.ports import ConditionFailedError
from relais.rows import Change, Check, Guard, Key, Put, Row, Test, Write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_]+")
CONFLICT_TRIES = 6
CONFLICT_SECONDS = 0.05
_CONFLICTS = frozenset({"TransactionConflict", "TransactionConflictException", "TransactionInProgressException"})


class TableBusyError(RelaisError):
    """Transactions kept meeting on the same rows."""

    def __init__(self, tries: int) -> None:
        """Keep how often it was tried."""
        super().__init__(f"the rows stayed busy over {tries} tries: the same call may follow")


def _nothing(_: float) -> None:
    """Count no units."""


class DynamoStore:
    """The store on DynamoDB. `consumed` is told the write units of each answer, indexes included."""

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        *,
        consumed: Callable[[float], None] = _nothing,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Talk to one table."""
        self._client = client
        self._table = table
        self._consumed = consumed
        self._pause = pause

    def get(self, key: Key) -> Row | None:
        """Read one row."""
        answer = self._client.get_item(TableName=self._table, Key=_wire_key(key), ConsistentRead=True)
        return _row(answer["Item"]) if "Item" in answer else None

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Row]:
        """Read several rows at once; absent ones are left out."""
        wanted: dict[str, Any] = {self._table: {"Keys": [_wire_key(key) for key in keys], "ConsistentRead": True}}
        found: dict[Key, Row] = {}
        while wanted:
            answer = self._client.batch_get_item(RequestItems=wanted)
            for item in answer["Responses"].get(self._table, []):
                row = _row(item)
                found[Key(row["pk"], row["sk"])] = row
            wanted = dict(answer.get("UnprocessedKeys", {}))
        return found

    def query(self, pk: str, prefix: str = "") -> list[Row]:
        """Read the rows of a partition whose sort key starts with `prefix`, in order, all pages."""
        condition = "pk = :pk AND begins_with(sk, :prefix)" if prefix else "pk = :pk"
        values = {":pk": {"S": pk}} | ({":prefix": {"S": prefix}} if prefix else {})
        return list(
            self._pages(KeyConditionExpression=condition, ExpressionAttributeValues=values, ConsistentRead=True)
        )

    def due(self, shard: str, until: datetime, limit: int) -> list[Key]:
        """Nominate rows of a shard due at `until`, oldest first."""
        answer = self._client.query(
            TableName=self._table,
            IndexName=DUE.name,
            KeyConditionExpression=f"{DUE.partition} = :shard AND {DUE.sort} <= :until",
            ExpressionAttributeValues={":shard": {"S": shard}, ":until": {"S": stamp(until)}},
            Limit=limit,
        )
        return [Key(item["pk"]["S"], item["sk"]["S"]) for item in answer["Items"]]

    def open_orders(self, shard: str) -> list[str]:
        """Nominate the orders of a shard that are open: their heads are always due some time."""
        rows = self._pages(
            IndexName=DUE.name,
            KeyConditionExpression=f"{DUE.partition} = :shard",
            ExpressionAttributeValues={":shard": {"S": shard}},
        )
        return [row["pk"].removeprefix("O#") for row in rows if row["sk"] == "ORDER"]

    def desk(self, owner: str) -> list[Key]:
        """Nominate the open gates of an owner, most urgent first."""
        rows = self._pages(
            IndexName=DESK.name,
            KeyConditionExpression=f"{DESK.partition} = :owner",
            ExpressionAttributeValues={":owner": {"S": owner}},
        )
        return [Key(row["pk"], row["sk"]) for row in rows]

    def book(self, month: str, shard: str) -> list[Row]:
        """Read the ledger entries of a month and shard."""
        return list(
            self._pages(
                IndexName=BOOK.name,
                KeyConditionExpression=f"{BOOK.partition} = :book",
                ExpressionAttributeValues={":book": {"S": f"{month}#{shard}"}},
            )
        )

    def _pages(self, **request: Any) -> Iterator[Row]:
        start: dict[str, Any] = {}
        while True:
            answer = self._client.query(TableName=self._table, **request, **start)
            yield from (_row(item) for item in answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def write(self, *writes: Write) -> None:
        """Write all or nothing. Raises `ConditionFailedError`, `TableBusyError`."""
        for attempt in range(1, CONFLICT_TRIES + 1):
            try:
                self._write(writes)
            except ClientError as error:
                failed = _first_failed(error)
                if failed is not None:
                    raise ConditionFailedError(failed, writes[failed].key) from error
                if not _conflict(error):
                    raise
                self._pause(random.uniform(0, CONFLICT_SECONDS * 2**attempt))  # noqa: S311 - jitter, no secret
            else:
                return
        raise TableBusyError(CONFLICT_TRIES)

    def _write(self, writes: Sequence[Write]) -> None:
        if len(writes) == 1:
            self._write_one(writes[0])
            return
        answer = self._client.transact_write_items(
            TransactItems=[_action(self._table, write) for write in writes],  # type: ignore[misc]
            ReturnConsumedCapacity="INDEXES",
        )
        for capacity in answer.get("ConsumedCapacity", []):
            self._consumed(_units(capacity))

    def _write_one(self, write: Write) -> None:
        match write:
            case Put():
                answer: Any = self._client.put_item(**_put(self._table, write), ReturnConsumedCapacity="INDEXES")
            case Change():
                answer = self._client.update_item(**_change(self._table, write), ReturnConsumedCapacity="INDEXES")
            case Check():
                self._client.transact_write_items(TransactItems=[_action(self._table, write)])  # type: ignore[list-item]
                return
        self._consumed(_units(answer.get("ConsumedCapacity", {})))


def _units(capacity: Any) -> float:
    """Write units of an answer: of the table and of each index where they are told apart, else their sum."""
    indexes = capacity.get("GlobalSecondaryIndexes") or {}
    if "Table" not in capacity:
        return float(capacity.get("CapacityUnits", 0))
    table = capacity["Table"]
    total = table.get("WriteCapacityUnits", table.get("CapacityUnits", 0))
    return float(total) + sum(
        float(one.get("WriteCapacityUnits", one.get("CapacityUnits", 0))) for one in indexes.values()
    )


def _first_failed(error: ClientError) -> int | None:
    if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
        return 0
    reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    codes = [reason.get("Code") for reason in reasons]
    return codes.index("ConditionalCheckFailed") if "ConditionalCheckFailed" in codes else None


def _conflict(error: ClientError) -> bool:
    if error.response["Error"]["Code"] in _CONFLICTS:
        return True
    reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    return any(reason.get("Code") in _CONFLICTS for reason in reasons)


def _wire_key(key: Key) -> dict[str, Any]:
    return {"pk": {"S": key.pk}, "sk": {"S": key.sk}}


class ValueNotStorableError(RelaisError, TypeError):
    """A row holds what no row may hold."""

    def __init__(self, value: object) -> None:
        """Keep the type's name; never the value."""
        name = type(value).__name__
        super().__init__(f"a row holds a {name}: use text, integers, booleans, nothing, and lists and dicts of these")
        self.type = name


def _wire(value: object) -> dict[str, Any]:
    """A value as the table takes it. Raises `ValueNotStorableError`."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(int(value))}
        case str():
            return {"S": str(value)}
        case list() | tuple():
            return {"L": [_wire(one) for one in value]}
        case Mapping():
            return {"M": {name: _wire(one) for name, one in value.items()}}
        case _:
            raise ValueNotStorableError(value)


def _row(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in item.items()}


def _plain(wired: Mapping[str, Any]) -> Any:
    """A value as rows hold it: numbers are integers, for nothing that we store has decimals."""
    (kind, value), *_ = wired.items()
    match kind:
        case "S" | "BOOL":
            return value
        case "N":
            return int(value)
        case "NULL":
            return None
        case "L":
            return [_plain(one) for one in value]
        case "M":
            return {name: _plain(one) for name, one in value.items()}
        case _:
            raise ValueNotStorableError(value)


class _Names:
    """Placeholders for names and values of one expression."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, Any] = {}

    def name(self, attribute: str) -> str:
        """Attributes may have any name, placeholders may not: letters, digits and underscores only."""
        plain = _PLAIN_NAME.fullmatch(attribute)
        known = (held for held, named in self.names.items() if named == attribute)
        placeholder = f"#{attribute}" if plain else next(known, f"#other_{len(self.names)}")
        self.names[placeholder] = attribute
        return placeholder

    def value(self, value: object) -> str:
        placeholder = f":v{len(self.values)}"
        self.values[placeholder] = _wire(value)
        return placeholder

    def parts(self) -> dict[str, Any]:
        parts: dict[str, Any] = {}
        if self.names:
            parts["ExpressionAttributeNames"] = self.names
        if self.values:
            parts["ExpressionAttributeValues"] = self.values
        return parts


def _condition(guards: Sequence[Guard], names: _Names) -> str:
    return " AND ".join(_guard(guard, names) for guard in guards)


def _guard(guard: Guard, names: _Names) -> str:
    name = names.name(guard.attribute)
    match guard.test:
        case Test.ABSENT:
            return f"attribute_not_exists({name})"
        case Test.PRESENT:
            return f"attribute_exists({name})"
        case Test.EQUALS:
            return f"{name} = {names.value(guard.value)}"
        case Test.DIFFERS:
            return f"(attribute_not_exists({name}) OR {name} <> {names.value(guard.value)})"
        case Test.AT_LEAST:
            return f"{name} >= {names.value(guard.value)}"
        case Test.BELOW:
            return f"(attribute_not_exists({name}) OR {name} < {names.value(guard.value)})"
        case Test.BELOW_ATTRIBUTE:
            return f"{name} < {names.name(guard.value)}"
        case Test.CONTAINS:
            return f"contains({name}, {names.value(guard.value)})"


def _action(table: str, write: Write) -> dict[str, Any]:
    match write:
        case Put():
            return {"Put": _put(table, write)}
        case Change():
            return {"Update": _change(table, write)}
        case Check():
            return {"ConditionCheck": _check(table, write)}


def _put(table: str, write: Put) -> dict[str, Any]:
    names = _Names()
    condition = _condition(write.guards, names)
    item = {name: _wire(value) for name, value in write.row.items()} | _wire_key(write.key)
    return (
        {"TableName": table, "Item": item} | ({"ConditionExpression": condition} if condition else {}) | names.parts()
    )


def _change(table: str, write: Change) -> dict[str, Any]:
    names = _Names()
    clauses = [
        _clause("SET", [f"{names.name(name)} = {names.value(value)}" for name, value in write.put.items()]),
        _clause("ADD", [f"{names.name(name)} {names.value(value)}" for name, value in write.add.items()]),
        _clause("REMOVE", [names.name(name) for name in dict.fromkeys(write.remove) if name not in write.put]),
    ]
    condition = _condition(write.guards or (Guard("pk", Test.PRESENT),), names)
    return {
        "TableName": table,
        "Key": _wire_key(write.key),
        "UpdateExpression": " ".join(clause for clause in clauses if clause),
        "ConditionExpression": condition,
    } | names.parts()


def _clause(verb: str, parts: list[str]) -> str:
    return f"{verb} {', '.join(parts)}" if parts else ""


def _check(table: str, write: Check) -> dict[str, Any]:
    names = _Names()
    return {
        "TableName": table,
        "Key": _wire_key(write.key),
        "ConditionExpression": _condition(write.guards, names),
    } | names.parts()
