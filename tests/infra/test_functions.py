"""The functions."""

import ast
from pathlib import Path

from tests.infra.reading import Stack, Synthesized, aliases, functions, text

ROOT = Path(__file__).parent.parent.parent

# docs/architecture.md, "Functions".
FILES = {
    "show-page": "functions/intake/show_page.py",
    "open-checkout": "functions/intake/open_checkout.py",
    "receive-stripe-event": "functions/intake/receive_stripe_event.py",
    "enter-order": "functions/intake/enter_order.py",
    "open-proposal": "functions/assign/open_proposal.py",
    "open-gate": "functions/deliver/open_gate.py",
    "answer-gate": "functions/deliver/answer_gate.py",
    "permit-upload": "functions/deliver/permit_upload.py",
    "check-links": "functions/deliver/check_links.py",
    "show-preview": "functions/deliver/show_preview.py",
    "run-act": "functions/payout/run_act.py",
    "close-order": "functions/payout/close_order.py",
    "tick-clock": "functions/payout/tick_clock.py",
    "record-execution": "functions/payout/record_execution.py",
    "record-bounce": "functions/deliver/record_bounce.py",
    "reconcile": "functions/payout/reconcile.py",
    "receive-account-event": "functions/payout/receive_account_event.py",
    "onboard": "functions/payout/onboard.py",
}

# docs/architecture.md, "Environment of the functions".
EVERYWHERE = {
    "RELAIS_STAGE",
    "RELAIS_TABLE",
    "RELAIS_BUCKET",
    "RELAIS_MACHINE",
    "RELAIS_PUBLIC_URL",
    "RELAIS_SENDER",
    "RELAIS_CONFIGURATION_SET",
    "RELAIS_ACT_FUNCTION",
    "RELAIS_CLOCK_FUNCTION",
    "RELAIS_ACCOUNT_FUNCTION",
    "RELAIS_SECRET_LINK",
    "RELAIS_SECRET_WEBHOOK",
    "POWERTOOLS_SERVICE_NAME",
}
PAYING = {"open-checkout", "enter-order", "run-act", "reconcile", "onboard"}


def test_there_are_the_functions_of_the_architecture_and_each_has_its_handler(service: Stack) -> None:
    """A template that names a file that isn't there deploys well and fails at the first call."""
    assert functions(service).keys() == FILES.keys()
    for name, function in functions(service).items():
        module = FILES[name].removesuffix(".py").replace("/", ".")
        assert function["Properties"]["Handler"] == f"{module}.handler"
        parsed = ast.parse((ROOT / FILES[name]).read_text(encoding="utf-8"))
        assert "handler" in {node.name for node in parsed.body if isinstance(node, ast.FunctionDef)}


def test_every_function_is_called_by_the_alias_live(both_stages: tuple[Stack, Stack]) -> None:
    """A fix reaches every order in flight, and a version can be gone back to."""
    _, service = both_stages
    assert sorted(aliases(service).values()) == sorted(FILES)
    for alias in service.properties("Lambda::Alias"):
        assert alias["Name"] == "live"
        version = alias["FunctionVersion"]["Fn::GetAtt"][0]
        assert service.template["Resources"][version]["Type"] == "AWS::Lambda::Version"


def test_every_function_runs_on_what_the_layer_is_built_for(both_stages: tuple[Stack, Stack]) -> None:
    """Python 3.13 on arm64, with enough memory to start fast, and the one layer; pictures are drawn by one alone."""
    _, service = both_stages
    layer, pictures = sorted(service.of_type("Lambda::LayerVersion"))
    for name, function in functions(service).items():
        properties = function["Properties"]
        assert properties["Runtime"] == "python3.13"
        assert properties["Architectures"] == ["arm64"]
        assert properties["MemorySize"] >= 512
        assert properties["Layers"] == [{"Ref": layer}, *([{"Ref": pictures}] if name == "show-preview" else [])]


def test_every_function_ends_in_time_and_leaves_a_trace(both_stages: tuple[Stack, Stack]) -> None:
    """What is owed becomes due two minutes ahead, longer than any function lives (workflow section 4)."""
    _, service = both_stages
    for name, function in functions(service).items():
        properties = function["Properties"]
        assert properties["Timeout"] == (20 if name in {"show-page", "show-preview"} else 60)
        assert properties["TracingConfig"] == {"Mode": "Active"}


def test_every_function_writes_its_own_log_and_nothing_is_kept_for_ever(both_stages: tuple[Stack, Stack]) -> None:
    """A log group that Lambda makes by itself keeps what people wrote without end."""
    _, service = both_stages
    groups = service.of_type("Logs::LogGroup")
    written = set()
    for function in functions(service).values():
        group = function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
        assert groups[group]["Properties"]["LogGroupName"] == f"/aws/lambda/{function['Properties']['FunctionName']}"
        written.add(group)
    assert len(written) == len(FILES)
    assert all(group["Properties"]["RetentionInDays"] in {7, 90} for group in groups.values())


def test_the_environment_is_what_the_settings_read(service: Stack) -> None:
    """Names of secrets, never values; the key of a function that pays is its own."""
    for name, function in functions(service).items():
        environment = function["Properties"]["Environment"]["Variables"]
        paying = {"RELAIS_SECRET_STRIPE"} if name in PAYING else set()
        assert environment.keys() == EVERYWHERE | paying | {"RELAIS_STRIPE_URL"}
        assert environment.get("RELAIS_SECRET_STRIPE", f"relais/dev/stripe-{name}") == f"relais/dev/stripe-{name}"
        assert environment["RELAIS_PUBLIC_URL"] == "http://localhost:8010"
        assert environment["RELAIS_ACT_FUNCTION"] == "relais-dev-run-act:live"
        assert environment["RELAIS_CLOCK_FUNCTION"] == "relais-dev-tick-clock:live"
        assert text(environment["RELAIS_MACHINE"]).endswith(":stateMachine:relais-dev")


def test_without_a_public_address_links_lead_to_the_api(synthesized: Synthesized) -> None:
    """Never to the Host header; and without a sandbox's address functions talk to Stripe itself."""
    service = synthesized.stack("prod", "relais-prod")
    (api,) = service.of_type("ApiGatewayV2::Api")
    for function in functions(service).values():
        environment = function["Properties"]["Environment"]["Variables"]
        assert text(environment["RELAIS_PUBLIC_URL"]) == f"{{{api}.ApiEndpoint}}"
        assert "RELAIS_STRIPE_URL" not in environment


def test_only_the_clock_may_call_itself_again_and_again(service: Stack) -> None:
    """It hands itself what remains; Lambda would stop it after sixteen hand-overs."""
    allowed = {name for name, one in functions(service).items() if one["Properties"].get("RecursiveLoop") == "Allow"}
    assert allowed == {"tick-clock"}
