"""The fields of the objects that the sandbox fakes: names and types, committed in `shapes.json`.

    python -m devstack.stripe_sandbox.shapes --write              # anew, from the official library's classes
    python -m devstack.stripe_sandbox.shapes path/to/fixtures3.json   # against Stripe's published example objects

A type is `string`, `integer`, `number`, `boolean`, `map` (free keys), `[…]` (a list), `{name}` (another shape, nested
or expanded), joined by `|`; a `?` at the end says that it may be null or absent. Tests hold every answer to this file,
so that no field is invented and none that the library counts on is missing.
"""

import argparse
import builtins
import importlib
import json
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, ForwardRef, Literal, Union, get_args, get_origin

from stripe import StripeObject
from stripe.v2.core import Event

FILE = Path(__file__).parent / "shapes.json"
Shapes = dict[str, dict[str, str]]

CLASSES = {
    "account": "stripe._account:Account",
    "balance": "stripe._balance:Balance",
    "balance_settings": "stripe._balance_settings:BalanceSettings",
    "balance_transaction": "stripe._balance_transaction:BalanceTransaction",
    "charge": "stripe._charge:Charge",
    "checkout.session": "stripe.checkout._session:Session",
    "customer": "stripe._customer:Customer",
    "dispute": "stripe._dispute:Dispute",
    "event": "stripe._event:Event",
    "invoice": "stripe._invoice:Invoice",
    "invoice_payment": "stripe._invoice_payment:InvoicePayment",
    "item": "stripe._line_item:LineItem",
    "line_item": "stripe._invoice_line_item:InvoiceLineItem",
    "payment_intent": "stripe._payment_intent:PaymentIntent",
    "payout": "stripe._payout:Payout",
    "plan": "stripe._plan:Plan",
    "price": "stripe._price:Price",
    "radar.early_fraud_warning": "stripe.radar._early_fraud_warning:EarlyFraudWarning",
    "refund": "stripe._refund:Refund",
    "subscription": "stripe._subscription:Subscription",
    "subscription_item": "stripe._subscription_item:SubscriptionItem",
    "topup": "stripe._topup:Topup",
    "transfer": "stripe._transfer:Transfer",
    "transfer_reversal": "stripe._transfer_reversal:TransferReversal",
    "v2.core.account": "stripe.v2.core._account:Account",
    "v2.core.account_link": "stripe.v2.core._account_link:AccountLink",
    # The event of a capability: the base class leaves out what its kinds have in common.
    "v2.core.event": (
        "stripe.events._v2_core_account_including_configuration_recipient_capability_status_updated_event:"
        "V2CoreAccountIncludingConfigurationRecipientCapabilityStatusUpdatedEvent"
    ),
}
# Nested parts that stay null or empty here: what is not built needs no field list.
LEFT_OUT = (
    "account.business_profile.",
    "account.company.",
    "account.groups.",
    "account.settings.",
    "account.tos_acceptance.",
    "charge.payment_method_details.",
    "checkout.session.payment_method_options.",
    "dispute.evidence.appeal.",
    "dispute.evidence.enhanced_evidence.",
    "dispute.evidence_details.enhanced_eligibility.",
    "invoice.confirmation_secret.",
    "invoice.last_finalization_error.",
    "invoice.payment_settings.payment_method_options.",
    "invoice.shipping_cost.",
    "payment_intent.payment_method_options.",
    "payment_intent.next_action",
    "payment_intent.processing",
    "payment_intent.last_payment_error.",
    "refund.destination_details.",
    "refund.next_action",
    "subscription.payment_settings.payment_method_options.",
    "subscription.pending_update.",
    "v2.core.account.configuration.",
    "v2.core.account.identity.",
    "v2.core.account.defaults.",
    "v2.core.account.future_requirements.",
    "v2.core.event.data",
)
KEPT = (
    "charge.payment_method_details.card",
    "charge.payment_method_details.sepa_debit",
    "checkout.session.payment_method_options.card",
    "payment_intent.payment_method_options.card",
    "refund.destination_details.card",
    "v2.core.account.configuration.recipient",
    "v2.core.account.defaults.responsibilities",
    "v2.core.account.future_requirements.summary",
)
OPEN = "map"


class _Names(dict[str, Any]):
    """Names for the library's quoted annotations; one imported for type checking only becomes its own text."""

    def __missing__(self, name: str) -> Any:  # noqa: ANN401
        return _Elsewhere(name)


class _Elsewhere:
    """A class of the library that its module names and does not import at run time."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, name: str) -> "_Elsewhere":
        return _Elsewhere(name)

    def __getitem__(self, item: object) -> "_Elsewhere":
        return self

    def __call__(self) -> None:
        """Be callable, as typing asks of a type."""


def generate() -> Shapes:
    """The shapes of every object in CLASSES, read from the official library."""
    shapes: Shapes = {}
    for kind, name in CLASSES.items():
        module, _, attribute = name.partition(":")
        _describe(getattr(importlib.import_module(module), attribute), kind, shapes)
    return {kind: dict(sorted(fields.items())) for kind, fields in sorted(shapes.items())}


def _describe(source: Any, kind: str, shapes: Shapes) -> None:  # noqa: ANN401
    module = sys.modules[source.__module__]
    names = _Names(vars(builtins))
    names.update(vars(module))
    names.update({name: value for name, value in vars(source).items() if isinstance(value, type)})
    fields = shapes.setdefault(kind, {})
    for base in source.__bases__:  # an event of v2 has fields of its own and those of every event
        if issubclass(base, Event) and base is not source:
            _describe(base, kind, shapes)
    for name, annotation in source.__annotations__.items():
        if get_origin(annotation) is not ClassVar and not name.startswith("_"):
            fields[name.rstrip("_")] = _spell(annotation, f"{kind}.{name}", names, shapes)


def _spell(annotation: Any, where: str, names: _Names, shapes: Shapes) -> str:  # noqa: ANN401
    parts = sorted(set(_parts(annotation, where, names, shapes)))
    optional = "null" in parts
    return "|".join(part for part in parts if part != "null") + ("?" if optional else "")


def _parts(annotation: Any, where: str, names: _Names, shapes: Shapes) -> Iterator[str]:  # noqa: ANN401
    if isinstance(annotation, str | ForwardRef):
        text = annotation if isinstance(annotation, str) else annotation.__forward_arg__
        annotation = eval(text, {}, names)  # noqa: S307 - the library's own text
    origin = get_origin(annotation)
    if annotation in {int, str, bool, float, type(None)}:
        yield {int: "integer", str: "string", bool: "boolean", float: "number", type(None): "null"}[annotation]
    elif origin in {Union, types.UnionType}:
        for part in get_args(annotation):
            yield from _parts(part, where, names, shapes)
    elif origin is Literal:
        yield "string"
    elif origin is list:
        yield f"[{_spell(get_args(annotation)[0], where, names, shapes)}]"
    elif isinstance(annotation, _Elsewhere):
        yield "string" if annotation.name == "Decimal" else _known(annotation.name)
    elif getattr(annotation, "__name__", "") == "Decimal":
        yield "string"
    elif origin is not None and origin.__name__ == "ListObject":
        yield "{list}"
    elif isinstance(annotation, type) and issubclass(annotation, StripeObject) and "." in annotation.__qualname__:
        if where.startswith(LEFT_OUT) and not where.startswith(KEPT):
            yield OPEN
        else:
            _describe(annotation, where, shapes)
            yield f"{{{where}}}"
    else:
        yield OPEN


def _known(name: str) -> str:
    """The shape of a class by its name, or an open one when it is not faked."""
    for kind, path in CLASSES.items():
        if path.endswith(f":{name}") and not kind.startswith("v2."):
            return f"{{{kind}}}"
    return OPEN


def load() -> Shapes:
    """The committed shapes."""
    shapes: Shapes = json.loads(FILE.read_text(encoding="utf-8"))
    return shapes


# Checking ----------------------------------------------------------------------------------------------------------


def problems(value: Mapping[str, Any], kind: str, shapes: Shapes, where: str = "") -> Iterator[str]:
    """What is wrong with an object: a field that Stripe has not, one that is missing, one of another type."""
    fields = shapes[kind]
    where = where or kind
    for name in value.keys() - fields.keys():
        yield f"{where}.{name}: Stripe has no such field"
    for name, kinds in fields.items():
        if name not in value:
            if not kinds.endswith("?"):
                yield f"{where}.{name}: missing"
        elif not (value[name] is None and kinds.endswith("?")):
            yield from _mismatch(value[name], kinds.rstrip("?"), shapes, f"{where}.{name}")


def _mismatch(value: object, kinds: str, shapes: Shapes, where: str) -> Iterator[str]:
    first: list[str] | None = None
    for kind in kinds.split("|"):
        found = list(_unlike(value, kind, shapes, where))
        if not found:
            return
        first = found if first is None or isinstance(value, dict) else first
    yield from first or []


PLAIN: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "map": (dict, str),  # of an object that is not faked Stripe shows the id
}


def _unlike(value: object, kind: str, shapes: Shapes, where: str) -> Iterator[str]:
    if kind.startswith("["):
        if not isinstance(value, list):
            yield f"{where}: not a list"
            return
        for member in value:
            yield from _mismatch(member, kind[1:-1], shapes, f"{where}[]")
    elif kind == "{list}":
        yield from _listed(value, shapes, where)
    elif kind.startswith("{"):
        if isinstance(value, dict):
            yield from problems(value, kind[1:-1], shapes, where)
        else:
            yield f"{where}: not an object"
    elif not isinstance(value, PLAIN[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{where}: {type(value).__name__} is not {kind}"


def _listed(value: object, shapes: Shapes, where: str) -> Iterator[str]:
    if not isinstance(value, dict) or value.get("object") != "list" or not isinstance(value.get("data"), list):
        yield f"{where}: not a list object"
        return
    for member in value["data"]:
        yield from problems(member, member["object"], shapes, f"{where}.data[]")


# Comparing with Stripe's examples ----------------------------------------------------------------------------------

# Fields of the library's classes that its example objects leave out, and the other way round, with the reason.
TOLERATED = {
    "charge.refunds": "there only when expanded",
    "charge.source": "there only for old integrations",
    "dispute.evidence_details.submission_method": "newer than the examples",
    "invoice.subscription": "dropped by the basil version, still in the examples (trap 3 of money E)",
}


def differences(fixtures: Mapping[str, Any], shapes: Shapes) -> Iterator[str]:
    """Where the committed shapes and Stripe's example objects disagree."""
    for kind in CLASSES:
        example = fixtures["resources"].get(kind)
        if example is None:
            continue  # the published examples stop at v1
        yield from (line for line in problems(example, kind, shapes) if line.split(":")[0] not in TOLERATED)


def main(argv: list[str] | None = None) -> int:
    """Write the shapes, or compare them; 1 when they differ, 0 when they agree or there is nothing to compare with."""
    arguments = argparse.ArgumentParser(prog="python -m devstack.stripe_sandbox.shapes", description=__doc__)
    arguments.add_argument("path", nargs="?", type=Path, help="Stripe's fixtures3.json")
    arguments.add_argument("--fixtures", type=Path, help="the same, by name")
    arguments.add_argument("--write", action="store_true", help="write shapes.json anew from the official library")
    given = arguments.parse_args(argv)
    if given.write:
        FILE.write_text(json.dumps(generate(), indent=1) + "\n", encoding="utf-8")
        print(f"{FILE.name}: written.")
        return 0
    path = given.fixtures or given.path
    if path is None or not path.exists():
        print(
            f"Nothing compared: {path or 'no file'} is not there. "
            "Get openapi/fixtures3.json of github.com/stripe/openapi and name it."
        )
        return 0
    found = list(differences(json.loads(path.read_text(encoding="utf-8")), load()))
    for line in found:
        print(line)
    print(
        f"{len(found)} differences between {FILE.name} and {path.name}." if found else f"{FILE.name} fits {path.name}."
    )
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
