"""The CDK app."""

import os

# aws-cdk-lib talks to Node through jsii, which prints eleven lines at every start on the oldest Node that we promise.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
