"""The stack of everything that may be made anew at any time: functions, API, state machine, clock, watch."""

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from infra.alarms import Alarms
from infra.api import Api
from infra.background import Background, dead_letters
from infra.data import DataStack
from infra.functions import Functions
from infra.machine import Machine
from infra.names import Names
from infra.stages import REGION, Deployment


class ServiceStack(Stack):
    """Functions, API, state machine, clock, watch."""

    def __init__(self, scope: Construct, deployment: Deployment, names: Names, data: DataStack) -> None:
        super().__init__(
            scope, deployment.name(), env=Environment(region=REGION), description="Relais: what runs an order"
        )
        self.add_stack_dependency(data)
        letters = dead_letters(self, names)
        api = Api(self, deployment=deployment, names=names)
        public_url = deployment.public_url or api.url
        functions = Functions(
            self,
            deployment=deployment,
            names=names,
            secrets=data.secrets,
            dead_letters=letters,
            public_url=public_url,
        )
        api.route(functions.live, stopped=deployment.stopped)
        machine = Machine(self, deployment=deployment, names=names, live=functions.live).machine
        Background(self, names=names, live=functions.live, dead_letters=letters)
        Alarms(self, names=names, live=functions.live, dead_letters=letters, api=api.api, machine=machine)
        CfnOutput(self, "ApiUrl", value=api.url)
        CfnOutput(self, "PublicUrl", value=public_url)
        CfnOutput(self, "MachineArn", value=machine.state_machine_arn)
