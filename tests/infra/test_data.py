"""What must survive."""

from infra.names import SECRETS
from relais.adapters.keys import INDEXES, PK, SK
from tests.infra.reading import Stack, Synthesized, text

STAGE = {"arm64": "dev", "prod": "prod"}


def test_the_tables_keys_and_indexes_are_the_stores_constants(both_stages: tuple[Stack, Stack]) -> None:
    """The store and the template can't drift apart; every key is a string."""
    table = both_stages[0].only("DynamoDB::Table")["Properties"]
    keys = [(PK, "HASH"), (SK, "RANGE")]
    assert [(one["AttributeName"], one["KeyType"]) for one in table["KeySchema"]] == keys
    found = {
        index["IndexName"]: (
            [(one["AttributeName"], one["KeyType"]) for one in index["KeySchema"]],
            index["Projection"]["ProjectionType"],
        )
        for index in table["GlobalSecondaryIndexes"]
    }
    assert found == {
        index.name: ([(index.partition, "HASH"), (index.sort, "RANGE")], "ALL" if index.whole else "KEYS_ONLY")
        for index in INDEXES
    }
    assert {one["AttributeType"] for one in table["AttributeDefinitions"]} == {"S"}


def test_the_table_can_be_restored_to_any_second_and_costs_nothing_at_rest(both_stages: tuple[Stack, Stack]) -> None:
    """Loss is at most five minutes (workflow section 7); nothing expires by itself."""
    table = both_stages[0].only("DynamoDB::Table")["Properties"]
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert "TimeToLiveSpecification" not in table


def test_production_data_outlives_its_stack_and_dev_data_does_not(synthesized: Synthesized) -> None:
    """A mistake on a command line must not cost the ledger; a rehearsal must leave nothing behind."""
    for variant, name, policy in (("prod", "relais-prod-data", "Retain"), ("arm64", "relais-dev-data", "Delete")):
        stack = synthesized.stack(variant, name)
        kept = [
            stack.only("DynamoDB::Table"),
            stack.only("S3::Bucket"),
            *stack.of_type("SecretsManager::Secret").values(),
        ]
        assert {one["DeletionPolicy"] for one in kept} == {policy}
        assert {one["UpdateReplacePolicy"] for one in kept} == {policy}
        table = stack.only("DynamoDB::Table")["Properties"]
        assert table.get("DeletionProtectionEnabled", False) is (policy == "Retain")
        protected = synthesized.manifest(variant)["artifacts"][name]["properties"].get("terminationProtection", False)
        assert protected is (policy == "Retain")


def test_files_are_private_versioned_encrypted_and_travel_encrypted(both_stages: tuple[Stack, Stack]) -> None:
    """They are clients' briefs and unpaid work."""
    data, _ = both_stages
    bucket = data.only("S3::Bucket")["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["BucketEncryption"]
    (statement,) = data.only("S3::BucketPolicy")["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_an_upload_that_was_given_up_is_not_kept(both_stages: tuple[Stack, Stack]) -> None:
    """Parts of a half-sent 500 MB file cost money and are seen by nobody."""
    rules = both_stages[0].only("S3::Bucket")["Properties"]["LifecycleConfiguration"]["Rules"]
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)


def test_what_was_handed_in_never_expires(both_stages: tuple[Stack, Stack]) -> None:
    """Who sends another file under its name makes it an older version, which the order's row still leads to."""
    rules = both_stages[0].only("S3::Bucket")["Properties"]["LifecycleConfiguration"]["Rules"]
    expiring = [rule for rule in rules if any("Expiration" in name for name in rule)]
    assert [rule.get("Prefix") for rule in expiring] == ["texts/"]


def test_browsers_may_upload_from_our_pages_alone(synthesized: Synthesized) -> None:
    """The form's address is the stage's public one; without one, an API of this region."""
    for variant, origin in (
        ("arm64", "http://localhost:8010"),
        ("prod", "https://*.execute-api.eu-west-3.{AWS::URLSuffix}"),
    ):
        bucket = synthesized.stack(variant, f"relais-{STAGE[variant]}-data").only("S3::Bucket")["Properties"]
        (rule,) = bucket["CorsConfiguration"]["CorsRules"]
        assert [text(one) for one in rule["AllowedOrigins"]] == [origin]
        assert rule["AllowedMethods"] == ["POST"]


def test_secrets_are_created_empty(both_stages: tuple[Stack, Stack]) -> None:
    """No template holds a value and none is invented: `relais secrets set` fills them."""
    data, _ = both_stages
    stage = data.only("DynamoDB::Table")["Properties"]["TableName"].removeprefix("relais-")
    secrets = data.properties("SecretsManager::Secret")
    assert {one["Name"] for one in secrets} == {f"relais/{stage}/{name}" for name in SECRETS}
    for one in secrets:
        assert not {"SecretString", "GenerateSecretString"} & one.keys()


def test_mails_come_from_a_verified_domain_and_bounces_are_remembered(both_stages: tuple[Stack, Stack]) -> None:
    """A default runs against nobody whom no mail has reached, so mail must be sent properly."""
    data, _ = both_stages
    identity = data.only("SES::EmailIdentity")["Properties"]
    assert identity["EmailIdentity"] in {"atelier-mistral.example", "shop.example"}
    settings = data.only("SES::ConfigurationSet")["Properties"]
    assert settings["SuppressionOptions"]["SuppressedReasons"] == ["BOUNCE", "COMPLAINT"]
    assert identity["ConfigurationSetAttributes"]["ConfigurationSetName"] == settings["Name"]
