"""The stack of what must survive: table, bucket, secrets, mail identity."""

from aws_cdk import Aws, CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ses as ses
from constructs import Construct

from infra.acknowledge import acknowledge
from infra.names import SECRETS, Names
from infra.stages import REGION, Deployment
from relais.adapters.keys import INDEXES, PK, SK
from relais.steps.texts import TEXTS


class DataStack(Stack):
    """What must survive. Names are fixed per stage, so that the other stack refers to them without an export."""

    def __init__(self, scope: Construct, deployment: Deployment, names: Names) -> None:
        super().__init__(
            scope,
            f"{deployment.name()}-data",
            env=Environment(region=REGION),
            description="Relais: table, files, secrets and mail identity",
            termination_protection=deployment.keeps_data,
        )
        self._table(deployment, names)
        bucket = self._bucket(deployment, names)
        self.secrets = {name: self._secret(name, deployment, names) for name in SECRETS}
        self._mail(deployment, names)
        CfnOutput(self, "TableName", value=names.table)
        CfnOutput(self, "BucketName", value=bucket.bucket_name)

    def _table(self, deployment: Deployment, names: Names) -> None:
        table = dynamodb.Table(
            self,
            "Table",
            table_name=names.own_table,
            partition_key=_text_attribute(PK),
            sort_key=_text_attribute(SK),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=deployment.keeps_data,
            removal_policy=deployment.removal,
        )
        for index in INDEXES:
            table.add_global_secondary_index(
                index_name=index.name,
                partition_key=_text_attribute(index.partition),
                sort_key=_text_attribute(index.sort),
                projection_type=dynamodb.ProjectionType.ALL if index.whole else dynamodb.ProjectionType.KEYS_ONLY,
            )

    def _bucket(self, deployment: Deployment, names: Names) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "Files",
            bucket_name=names.bucket,
            versioned=True,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            removal_policy=deployment.removal,
            lifecycle_rules=[
                s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(2)),
                # Drafts are saved over one another. What was handed in is never removed, not even where something was
                # sent under its name afterwards: an order's row names the version that was looked at.
                s3.LifecycleRule(prefix=TEXTS, noncurrent_version_expiration=Duration.days(30)),
            ],
            cors=[
                s3.CorsRule(
                    allowed_methods=[s3.HttpMethods.POST],
                    # Without a public address the pages come from the HTTP API's own, which is made after this bucket.
                    allowed_origins=[deployment.public_url or f"https://*.execute-api.{REGION}.{Aws.URL_SUFFIX}"],
                    allowed_headers=["*"],
                    max_age=3600,
                )
            ],
        )
        acknowledge(
            bucket,
            "S1",
            "No access log: files are reached by short-lived addresses alone, and the order's audit says who got one.",
        )
        return bucket

    def _secret(self, name: str, deployment: Deployment, names: Names) -> secretsmanager.CfnSecret:
        """A secret without a value: `relais secrets set` fills it, and no template ever holds one."""
        secret = secretsmanager.CfnSecret(self, _logical(name), name=names.secret(name), description=SECRETS[name])
        secret.apply_removal_policy(deployment.removal)
        acknowledge(
            secret,
            "SMG4",
            "Rotated by hand (`relais secrets set`): Stripe issues its keys itself, link keys live as long as links.",
        )
        return secret

    def _mail(self, deployment: Deployment, names: Names) -> None:
        configuration = ses.CfnConfigurationSet(
            self,
            "MailSettings",
            name=names.configuration_set,
            reputation_options=ses.CfnConfigurationSet.ReputationOptionsProperty(reputation_metrics_enabled=True),
            suppression_options=ses.CfnConfigurationSet.SuppressionOptionsProperty(
                suppressed_reasons=["BOUNCE", "COMPLAINT"]
            ),
            delivery_options=ses.CfnConfigurationSet.DeliveryOptionsProperty(tls_policy="REQUIRE"),
        )
        told = ses.CfnConfigurationSetEventDestination(
            self,
            "MailEvents",
            configuration_set_name=names.configuration_set,
            event_destination=ses.CfnConfigurationSetEventDestination.EventDestinationProperty(
                name="came-back",
                enabled=True,
                matching_event_types=["bounce", "complaint"],
                # The default bus is the only one that SES publishes to.
                event_bridge_destination=ses.CfnConfigurationSetEventDestination.EventBridgeDestinationProperty(
                    event_bus_arn=f"arn:aws:events:{REGION}:{Aws.ACCOUNT_ID}:event-bus/default"
                ),
            ),
        )
        told.add_resource_dependency(configuration)
        identity = ses.CfnEmailIdentity(
            self,
            "MailIdentity",
            email_identity=deployment.sender_domain,
            configuration_set_attributes=ses.CfnEmailIdentity.ConfigurationSetAttributesProperty(
                configuration_set_name=names.configuration_set
            ),
        )
        identity.add_resource_dependency(configuration)
        identity.apply_removal_policy(deployment.removal)


def _text_attribute(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


def _logical(name: str) -> str:
    return "Secret" + "".join(word.capitalize() for word in name.split("-"))
