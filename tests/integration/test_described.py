"""docs/openapi.yaml, the routes, the handlers and the forms say the same; and whatever it allows has an answer."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from devstack.simulation.world import PUBLIC_URL, World, world_in_memory
from relais.gate import Choice
from relais.pages.render import GIVEN
from relais.roster import Freelancer
from relais.rows import freelancer_key
from relais.steps import deliver, freelancer, show, stand_in, uploads
from relais.steps.links import freelancer_link
from tests.support.gates import Waiting, at_every_gate

ROOT = Path(__file__).parent.parent.parent
QUIETLY = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True)
ODD = st.sampled_from(
    ["", "\x00", "é" * 300, "<script>alert(1)</script>", "\u202e🥐", "a\r\nb", "%00%ff", "x" * 30_000, "]]>"]
)


@cache
def described() -> dict[str, Any]:
    """The description."""
    found: dict[str, Any] = YAML(typ="safe").load(ROOT / "docs" / "openapi.yaml")
    return found


@cache
def operations(method: str) -> frozenset[str]:
    """The described paths that answer a method."""
    return frozenset(path for path, item in described()["paths"].items() if method in item)


def form(name: str) -> dict[str, Any]:
    """A described form."""
    found: dict[str, Any] = described()["components"]["schemas"][name]
    return found


def patterns(step: Any) -> set[str]:
    """The paths that a step matches, as the description writes them."""
    (match,) = [node for node in ast.walk(ast.parse(inspect.getsource(step))) if isinstance(node, ast.Match)]
    cases = [case for case in match.cases if "_not_so" not in ast.unparse(case)]
    found = [one for case in cases for one in _alternatives(case.pattern)]
    return {"/" + "/".join(_segment(part) for part in one.patterns) for one in found}


def _alternatives(pattern: ast.pattern) -> list[ast.MatchSequence]:
    many = pattern.patterns if isinstance(pattern, ast.MatchOr) else [pattern]
    return [one for one in many if isinstance(one, ast.MatchSequence)]


def _segment(pattern: ast.pattern) -> str:
    return (
        str(ast.literal_eval(pattern.value)) if isinstance(pattern, ast.MatchValue) else f"{{{ast.unparse(pattern)}}}"
    )


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with world_in_memory() as made:
        yield made


@pytest.fixture(scope="module")
def waiting(world: World) -> list[Waiting]:
    return at_every_gate(world)


def stored(world: World) -> list[Any]:
    """Everything that is kept, for comparison."""
    return [*world.rows(), dict(world.clouds.files.objects), len(world.mails), len(world.stripe_calls)]  # type: ignore[attr-defined]


def test_handlers_match_the_paths_that_are_described() -> None:
    """Both ways: a path of one that the other does not know would be found by nobody."""
    assert patterns(show.show) == operations("get") == operations("head")
    elsewhere = {
        "/g/{order}/{gate}/{secret}/files",
        "/o/{order}/{secret}/files",
        "/f/{freelancer}/{secret}/pay",
        "/hooks/stripe",
        "/hooks/stripe/accounts",
    }
    assert patterns(deliver._answers) | patterns(deliver._checkouts) == operations("post") - elsewhere
    assert elsewhere < operations("post")


def test_the_described_forms_hold_the_fields_that_are_taken() -> None:
    """No more and no fewer; the brief's are those of its questions."""
    for name, fields in (
        ("OfferForm", deliver.OFFER_FIELDS),
        ("OrderForm", deliver.ORDER_FIELDS),
        ("CheckoutForm", deliver.CHECKOUT_FIELDS),
        ("GateForm", deliver.GATE_FIELDS),
        ("StandInForm", stand_in.STAND_IN_FIELDS),
        ("FreelancerForm", freelancer.FREELANCER_FIELDS),
        ("UploadForm", uploads.UPLOAD_FIELDS),
    ):
        assert (set(form(name)["properties"]), form(name)["additionalProperties"]) == (set(fields), False)
    given = {choice.value for choices in GIVEN.values() for choice in choices} - {Choice.HAND_IN.value}
    assert set(form("GateForm")["properties"]["choice"]["enum"]) == given


def test_pages_post_only_what_is_described(world: World, waiting: list[Waiting]) -> None:
    """Every form of every page, at every gate: its address is described, and so is each of its fields."""
    seen = set()
    ines = freelancer_link(world.ports, Freelancer.from_row(world.row(freelancer_key("ines-moreau"))))
    for link in [
        f"{PUBLIC_URL}/offer/logo",
        ines,
        *(one.link for one in waiting),
        *(one.journey.page for one in waiting),
    ]:
        for shown in world.get(link).forms:
            path = next(one for one in sorted(operations("post"), key=len) if _fits(one, urlsplit(shown.action).path))
            content = described()["paths"][path]["post"]["requestBody"]["$ref"].rpartition("/")[2]
            stands_in = content == "gate" and "action" in shown.names
            taken = form("StandInForm" if stands_in else f"{content.capitalize()}Form")
            unknown = [name for name in shown.names if name not in taken["properties"] and not _asked(taken, name)]
            assert (unknown, path) == ([], path)
            for name, values in shown.choices.items():
                allowed = taken["properties"].get(name, {}).get("enum")
                assert allowed is None or name == "freelancer" or set(values) <= set(allowed), (name, values)
            seen.add(content)
    assert seen == {"offer", "order", "checkout", "gate", "freelancer"}


def _fits(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) is not None


def _asked(taken: dict[str, Any], name: str) -> bool:
    return any(re.search(pattern, name) for pattern in taken.get("patternProperties", {}))


SHOWS = {
    "brief": "q_name",
    "stand_in": "q_name",
    "address": "address",
    "checkout": "nonce",
    "withdraw": "declare",
    "cancel": "sure",
    "agree": "note",
}
"""A field of the form that is meant, where it is not a gate's own."""
FOREIGN = st.sampled_from(["cross-site", "none", "", "same-origin, cross-site"])
UNKNOWN = st.sampled_from(["amount", "currency", "run", "q_", "choice ", "__proto__"])
TYPES = st.sampled_from(["text/plain", "application/json", "multipart/form-data"])


@settings(QUIETLY, max_examples=60)
@given(data=st.data(), how=st.sampled_from(["nonce", "choice", "field", "twice", "origin", "type"]))
def test_a_form_that_is_spoilt_is_refused_in_words_and_changes_nothing(
    world: World, waiting: list[Waiting], data: st.DataObject, how: str
) -> None:
    """At every gate and on every page: a wrong nonce, choice, field, origin; what was typed is still in the form."""
    one = data.draw(st.sampled_from(waiting))
    field = SHOWS.get(one.kind, "choice")
    shown = world.get(one.link).form(field)
    typed = {name: data.draw(ODD) for name in sorted({"note", "q_name", "address"} & shown.names)}
    sent: dict[str, Any] = shown.fields | typed
    headers = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
    match how:
        case "nonce":
            sent["nonce"] = data.draw(ODD)
        case "choice":
            sent[{"choice": "choice", "nonce": "nonce"}.get(field, "action")] = data.draw(ODD)
        case "field":
            sent[data.draw(UNKNOWN)] = data.draw(ODD)
        case "twice":
            sent["nonce"] = [shown.fields["nonce"]] * 2
        case "origin":
            headers["sec-fetch-site"] = data.draw(FOREIGN)
        case _:
            headers["content-type"] = data.draw(TYPES)
    held = stored(world)
    page = world.http("POST", shown.action, urlencode(sent, doseq=True), headers)
    assert (page.status in {400, 403, 422}, stored(world) == held) == (True, True), (one.kind, page.status)
    assert page.text
    assert "Traceback" not in page.body
    if page.status == 422 and how in {"nonce", "choice"}:
        kept = {name: text.replace("\r\n", "\n").replace("\x00", "").strip() for name, text in typed.items()}
        back = page.form(field).fields
        assert {name: back[name].strip() for name in kept} == kept


def test_whatever_the_description_allows_has_an_answer_that_it_describes(world: World, waiting: list[Waiting]) -> None:
    """Schemathesis makes requests of it, and such as it forbids: never an error of ours, never an unknown answer."""
    from schemathesis import GenerationMode
    from schemathesis import openapi as schemas
    from schemathesis.checks import not_a_server_error
    from schemathesis.core.transport import Response
    from schemathesis.specs.openapi import checks as of_openapi

    checks = [
        not_a_server_error,
        of_openapi.status_code_conformance,
        of_openapi.content_type_conformance,
        of_openapi.response_schema_conformance,
    ]
    links = {one.kind: dict(_named(one.link)) for one in waiting}
    asked: dict[str, int] = {}
    for result in schemas.from_dict(described()).get_all_operations():
        operation = result.ok()
        if operation.method.upper() == "HEAD":
            continue
        real = [links[kind] for kind in ("brief", "review", "work", "checkout") if _has(operation.path, links[kind])]
        cases = [operation.as_strategy(), operation.as_strategy(GenerationMode.NEGATIVE)]
        cases += [operation.as_strategy(path_parameters=one) for one in real]

        @settings(QUIETLY, max_examples=12)
        @given(case=st.one_of(cases))
        def answered(case: Any) -> None:
            prepared = requests.Request(**_kwargs(case)).prepare()
            page = world.http(
                case.method.upper(),
                prepared.url or "",
                prepared.body or b"",
                {name.lower(): value for name, value in prepared.headers.items()} | {"sec-fetch-site": "same-origin"},
            )
            assert "Traceback" not in page.body
            response = Response(
                status_code=page.status,
                headers={name: [value] for name, value in page.headers.items()},
                content=page.body.encode(),
                request=prepared,
                elapsed=0,
                verify=True,
            )
            asked[case.operation.label] = asked.get(case.operation.label, 0) + 1
            if page.status != 405:  # the API knows no such route: only the path was made up
                case.validate_response(response, checks=checks)

        answered()
    world.settle()
    assert len(asked) == sum(len(operations(method)) for method in ("get", "post")), asked


def _kwargs(case: Any) -> dict[str, Any]:
    wanted = {"method", "url", "headers", "data", "json", "params", "cookies"}
    return {name: value for name, value in case.as_transport_kwargs(base_url=PUBLIC_URL).items() if name in wanted}


def _named(link: str) -> Iterator[tuple[str, str]]:
    kind, order, *rest = urlsplit(link).path.strip("/").split("/")
    yield "order", order
    yield "secret", rest[-1]
    if kind == "g":
        yield "gate", rest[0]


def _has(path: str, named: dict[str, str]) -> bool:
    return set(re.findall(r"\{(\w+)\}", path)) == set(named)


def test_permits_are_answered_as_described(world: World, waiting: list[Waiting]) -> None:
    """The page's script reads these fields."""
    work = next(one for one in waiting if one.kind == "work")
    shown = world.get(work.link).form("choice")
    asked = {"nonce": shown.fields["nonce"], "name": ["a.png", "b/c"], "size": ["5", "5"], "type": ["", ""]}
    answer = json.loads(world.post(f"{shown.action}/files", asked).body)
    permits = form("Permits")["properties"]
    for name, items in (("files", answer["files"]), ("problems", answer["problems"])):
        assert [set(one) for one in items] == [set(permits[name]["items"]["properties"])]
