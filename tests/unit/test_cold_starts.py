"""What a cold start must not load: the cause behind the numbers of `make benchmark` (docs/decisions/0003)."""

import json
import re
from functools import cache

import pytest

from benchmarks.imports import FUNCTIONS, ROOT, Client, run_fresh

ALL = sorted(FUNCTIONS)
PAYING = {
    name for name, function in FUNCTIONS.items() if {Client.STRIPE, Client.BOOK, Client.ACCOUNTS} & {*function.clients}
}
WEBHOOK = "receive-stripe-event"
LOADED = "\nimport json, sys\nprint(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
OF_RELAIS = "\nimport json, sys\nprint(json.dumps(sorted(name for name in sys.modules if name.startswith('relais'))))"


@cache
def loaded(script: str) -> frozenset[str]:
    """The packages that an interpreter holds after a script."""
    return frozenset(json.loads(run_fresh(script + LOADED)))


def test_the_webhook_loads_nothing_heavy() -> None:
    """Stripe waits for this answer, and a burst of events starts many of it at once."""
    assert loaded(FUNCTIONS[WEBHOOK].script).isdisjoint({"stripe", "pydantic", "jinja2", "boto3"})


def test_the_webhook_imports_no_more_of_relais_than_it_needs() -> None:
    """Calendar, ledger and pages have nothing to say about a signature; each came in by one careless import."""
    modules = set(json.loads(run_fresh(f"import {FUNCTIONS[WEBHOOK].module}" + OF_RELAIS)))
    assert "relais.steps.webhook" in modules
    unwanted = {"calendar", "ledger", "offer", "roster", "shop", "money", "margin", "pages", "steps.intake"}
    assert modules.isdisjoint(f"relais.{name}" for name in unwanted)


@pytest.mark.parametrize("name", ["show-page", "permit-upload", "show-preview"])
def test_what_only_reads_imports_nothing_that_decides_or_books(name: str) -> None:
    """A GET decides nothing (promise 4): what could is not even loaded. Reading has a place of its own."""
    modules = set(json.loads(run_fresh(f"import {FUNCTIONS[name].module}" + OF_RELAIS)))
    assert "relais.steps.situation" in modules
    unwanted = {"ledger", "margin", "steps.decisions", "steps.gates", "steps.intake", "steps.contracts", "steps.acts"}
    assert modules.isdisjoint(f"relais.{name}" for name in unwanted)


@pytest.mark.parametrize("name", ["answer-gate", "open-proposal", "open-gate", "close-order"])
def test_what_draws_pages_is_loaded_with_the_first_page(name: str) -> None:
    """An answer that was taken leads on to another function's page, and a mail is none."""
    modules = set(json.loads(run_fresh(FUNCTIONS[name].script + OF_RELAIS)))
    assert "relais.ports" in modules
    assert modules.isdisjoint({"relais.pages.render", "relais.pages.views", "relais.steps.show"})


@pytest.mark.parametrize("name", sorted(set(ALL) - PAYING))
def test_a_function_that_does_not_pay_loads_no_stripe(name: str) -> None:
    """Stripe's library takes as long to load as everything else of a function together."""
    assert loaded(FUNCTIONS[name].script).isdisjoint({"stripe", "pydantic"})


@pytest.mark.parametrize("name", sorted(PAYING))
def test_the_look_at_what_is_loaded_sees_stripe_where_it_is(name: str) -> None:
    """Otherwise the tests above could not fail."""
    seen = loaded(FUNCTIONS[name].script)
    assert {"stripe", "botocore"} <= seen
    assert "pydantic" not in seen


@pytest.mark.parametrize("name", ALL)
def test_what_draws_pictures_is_loaded_with_the_first_alone(name: str) -> None:
    """Its layer belongs to one function, and a page of it that is refused needs none of it."""
    assert "PIL" not in loaded(FUNCTIONS[name].script)


@pytest.mark.parametrize("name", ALL)
def test_no_function_loads_the_tracers_sdk(name: str) -> None:
    """It costs more than half a cold start and tells little more than Lambda's own traces (docs/decisions/0003)."""
    assert "aws_xray_sdk" not in loaded(FUNCTIONS[name].script)


def test_a_function_that_loads_stripe_on_import_would_be_found() -> None:
    """An import in the wrong place is what these tests are for."""
    assert "stripe" in loaded(FUNCTIONS["show-page"].script + "\nimport relais.adapters.stripe")


def test_the_collector_rests_while_a_function_starts_and_works_from_then_on() -> None:
    """A start makes nothing but what stays; a function that lives for hours must not keep its garbage."""
    script = """
import gc, sys
import functions.payout.tick_clock
from relais.wiring import invocation, ports
asleep = gc.isenabled()
with invocation():
    during = gc.isenabled()
    ports().store
    after_a_client = gc.isenabled()
print()
print(asleep, during, after_a_client)
"""
    assert run_fresh(script).split()[-3:] == [
        "False",
        "True",
        "True",
    ]


def test_clients_are_made_of_the_services_that_are_known() -> None:
    """A client of a service that `relais.adapters.sdk` does not name would fail on its first call, not here."""
    script = (
        "import relais.adapters.sdk as sdk\nmade = sdk.session()\nfor name in sdk.SERVICES: made.create_client(name)"
    )
    asked = set(re.findall(r'self\._client\("(\w+)"\)', (ROOT / "relais" / "wiring.py").read_text(encoding="utf-8")))
    named = set(run_fresh(f"{script}\nprint(*sdk.SERVICES)").split())
    assert asked == named


def test_every_function_is_measured() -> None:
    """A function that the benchmark forgets may grow unseen."""
    files = {path for path in (ROOT / "functions").glob("*/*.py") if path.stem != "__init__"}
    modules = {f"functions.{path.parent.name}.{path.stem}" for path in files}
    assert {function.module for function in FUNCTIONS.values()} == modules
