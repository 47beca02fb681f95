# Relais. `make demo` and `make test` install what they need; they ask for Python 3.11+, Node 20+, npm and git only.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# Without bytecode every start of the CDK app parses 60 MB of Python again.
unexport PYTHONDONTWRITEBYTECODE

STAGE ?= dev
# More of the CDK's context, e.g. CONTEXT="-c public_url=https://orders.your-shop.fr -c sender=you@your-shop.fr -c alarm_email=you@your-shop.fr".
CONTEXT ?=
PY := .venv/bin/python
UV := tools/uv
CDK := node_modules/.bin/cdk
CODE := $(wildcard relais functions infra devstack benchmarks)

export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := 1
export AWS_EC2_METADATA_DISABLED := true

.PHONY: help
help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-16s %s\n", $$1, $$2 }'

## Setting up -----------------------------------------------------------------------------------------------------

.PHONY: setup
setup: .venv/ready .venv-ministack/ready node_modules/ready  ## install everything (the other targets do it too)

.tools/ready: requirements/uv.txt tools/bootstrap
	@echo "Installing uv ..."
	@PYTHON="$(PYTHON)" tools/bootstrap
	@touch $@

.venv/ready: requirements/dev.txt pyproject.toml .tools/ready
	@echo "Installing the Python environment ..."
	@[ -x $(PY) ] || $(UV) venv --quiet --clear --python "$$(cat .tools/python)" .venv
	@$(UV) pip sync --quiet --require-hashes --python $(PY) requirements/dev.txt
	@$(UV) pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable .
	@touch $@

.venv-ministack/ready: requirements/ministack.txt .tools/ready
	@echo "Installing the local cloud ..."
	@[ -x .venv-ministack/bin/python ] || $(UV) venv --quiet --clear --python "$$(cat .tools/python)" .venv-ministack
	@$(UV) pip sync --quiet --require-hashes --python .venv-ministack/bin/python requirements/ministack.txt
	@touch $@

node_modules/ready: package-lock.json .npmrc .tools/ready
	@echo "Installing the CDK command line ..."
	@npm ci --ignore-scripts --loglevel=error >/dev/null
	@touch $@

.PHONY: lock
lock: .tools/ready  ## write requirements/*.txt and package-lock.json anew from what they are made of
	@tools/lock

.PHONY: clean
clean:  ## remove everything that make made
	rm -rf .venv .venv-ministack .tools node_modules build cdk.out .run .mypy_cache .pytest_cache .ruff_cache .hypothesis

## The local stack ------------------------------------------------------------------------------------------------

.PHONY: demo
demo: setup  ## start the one-machine stack and play an order (PLAY=once|none, PORT=, AUTH=true enforces permissions)
	@PLAY="$(PLAY)" PORT="$(PORT)" AUTH="$(AUTH)" $(PY) -m devstack.demo

.PHONY: restore-drill
restore-drill: setup  ## lose the table of a local stack, restore it as the runbook says, and see its orders go on (PORT=)
	@PLAY=restore PORT="$(PORT)" $(PY) -m devstack.demo

.PHONY: screenshots
screenshots: .venv/ready  ## take the pictures in docs/images/ from the running stack (PORT=; needs Chromium)
	@PORT="$(PORT)" $(PY) tools/screenshots

## Checks ---------------------------------------------------------------------------------------------------------

.PHONY: test
test: setup bundle  ## every test that needs no browser, no Java and no patience, in parallel
	@$(PY) -m pytest -n auto --dist loadgroup -m "not browser and not java and not dear" $(TESTS)

.PHONY: lint
lint: .venv/ready  ## ruff and mypy
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy $(CODE)

.PHONY: fix
fix: .venv/ready  ## let ruff mend what it can
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

.PHONY: golden
golden: .venv/ready  ## record a release's payloads, rows and executions for later code to be replayed with (VERSION=)
	@$(PY) tools/golden "$(VERSION)"

.PHONY: benchmark
benchmark: setup bundle  ## what the functions' imports cost against a bare boto3 client
	@$(PY) -m benchmarks.imports

.PHONY: stripe-shapes
stripe-shapes: .venv/ready  ## compare the sandbox's objects with Stripe's published examples (FIXTURES=path)
	@[ -n "$(FIXTURES)" ] || { echo "Name the published examples: make stripe-shapes FIXTURES=path/to/fixtures3.json" >&2; exit 2; }
	@$(PY) -m devstack.stripe_sandbox.shapes "$(FIXTURES)"

.PHONY: record-stripe
record-stripe: .venv/ready  ## make the same calls on a real test key (STRIPE_TEST_KEY) and on the sandbox, and compare (CASSETTE=path)
	@$(PY) -m devstack.stripe_sandbox.record $(if $(CASSETTE),--compare "$(CASSETTE)")

## Building and shipping ------------------------------------------------------------------------------------------

.PHONY: bundle
bundle: .venv/ready .venv-ministack/ready  ## build the layers (arm64 to ship, this machine's to run) and the functions' code
	@$(PY) tools/bundle.py

.PHONY: synth
synth: setup bundle  ## write the CloudFormation templates to cdk.out/
	@$(CDK) synth --quiet -c stage=$(STAGE) $(CONTEXT)

.PHONY: diff
diff: setup bundle  ## what a deployment would change (STAGE=dev|prod)
	@$(CDK) diff --all -c stage=$(STAGE) $(CONTEXT)

.PHONY: deploy
deploy: setup bundle  ## deploy both stacks (STAGE=dev|prod)
	@$(CDK) deploy --all -c stage=$(STAGE) $(CONTEXT)

.PHONY: destroy
destroy: setup bundle  ## remove both stacks of a stage (STAGE=dev|prod; prod keeps its data)
	@$(CDK) destroy --all -c stage=$(STAGE) $(CONTEXT)
