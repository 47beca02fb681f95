"""Names that are fixed per stage, and their ARNs: a stack refers to what another makes, a role to what comes later."""

from dataclasses import dataclass

from aws_cdk import Aws

from infra.stages import REGION, Deployment

ALIAS = "live"

# Secrets by their short name, and what each holds.
SECRETS = {
    "link-keys": "The keys that links and nonces are made with",
    "stripe-webhook": "The signing secrets of Stripe's webhook: the current one and, during a rotation, the next",
    "stripe-accounts-webhook": "The signing secrets of Stripe's thin events about freelancers' accounts",
    "stripe-onboard": "Stripe's restricted key of the function that opens freelancers' accounts",
    "stripe-open-checkout": "Stripe's restricted key of the function that opens checkout sessions",
    "stripe-enter-order": "Stripe's restricted key of the function that re-reads payments",
    "stripe-run-act": "Stripe's restricted key of the function that pays",
    "stripe-reconcile": "Stripe's restricted key of the function that compares the books",
}


@dataclass(frozen=True, slots=True)
class Names:
    """Every fixed name of a deployment. Design: workflow section 7."""

    deployment: Deployment

    @property
    def own_table(self) -> str:
        """The table that the stage makes."""
        return self.deployment.name()

    @property
    def table(self) -> str:
        """The table that is worked on: the stage's own, or one that was restored beside it."""
        return self.deployment.table or self.own_table

    @property
    def bucket(self) -> str:
        """The bucket; its name is unique in all of AWS by the account's number."""
        return f"{self.deployment.name('files')}-{Aws.ACCOUNT_ID}"

    @property
    def machine(self) -> str:
        """The state machine."""
        return self.deployment.name()

    @property
    def configuration_set(self) -> str:
        """How mails are sent."""
        return self.deployment.name()

    def secret(self, name: str) -> str:
        """A secret by its short name."""
        return f"relais/{self.deployment.stage}/{name}"

    def function(self, name: str) -> str:
        """A function by its short name."""
        return self.deployment.name(name)

    def live(self, name: str) -> str:
        """A function's alias, as a caller names it."""
        return f"{self.function(name)}:{ALIAS}"

    @property
    def table_arn(self) -> str:
        """The table."""
        return _arn("dynamodb", f"table/{self.table}")

    @property
    def bucket_arn(self) -> str:
        """The bucket."""
        return f"arn:aws:s3:::{self.bucket}"

    @property
    def machine_arn(self) -> str:
        """The state machine."""
        return _arn("states", f"stateMachine:{self.machine}")

    @property
    def executions_arn(self) -> str:
        """Its executions: their names are orders that don't exist yet."""
        return _arn("states", f"execution:{self.machine}:*")

    @property
    def identity_arn(self) -> str:
        """The domain that mails come from."""
        return _arn("ses", f"identity/{self.deployment.sender_domain}")

    @property
    def configuration_set_arn(self) -> str:
        """How mails are sent."""
        return _arn("ses", f"configuration-set/{self.configuration_set}")

    def live_arn(self, name: str) -> str:
        """A function's alias."""
        return _arn("lambda", f"function:{self.live(name)}")


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{Aws.ACCOUNT_ID}:{resource}"
