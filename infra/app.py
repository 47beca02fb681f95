"""The CDK app: two stacks of one stage, checked by the rules of AWS Solutions at every synthesis.

Reads the context alone, nothing from AWS: it synthesizes without network and without an account.
"""

import sys
from collections.abc import Mapping
from typing import Any

from aws_cdk import App, Tags, Validations
from cdk_nag import AwsSolutionsChecks

from infra.data import DataStack
from infra.names import Names
from infra.service import ServiceStack
from infra.stages import ContextError, deployment_of


def make_app(context: Mapping[str, Any] | None = None, outdir: str | None = None) -> App:
    """Both stacks of the stage that the context names. Raises `ContextError`."""
    app = App(context=context, outdir=outdir, analytics_reporting=False)
    deployment = deployment_of(app.node)
    names = Names(deployment)
    data = DataStack(app, deployment, names)
    ServiceStack(app, deployment, names, data)
    Tags.of(app).add("application", "relais")
    Tags.of(app).add("stage", deployment.stage)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def main() -> None:
    """What `cdk` calls."""
    try:
        app = make_app()
    except ContextError as error:
        sys.exit(f"relais: {error}")
    app.synth()


if __name__ == "__main__":
    main()
