# Every task. `make` alone prints them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# Before PATH begins with the virtual environment, whose Python has no pip.
PYTHON := $(shell command -v python3)
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
export PYTHONPATH := $(CURDIR):$(CURDIR)/gen/python:$(CURDIR)/gateway-edge
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# The certificates the machine trusts, which may be more than those uv brings along.
export UV_SYSTEM_CERTS := 1
DEVSTACK := $(PY) -m services.kit.devstack

.PHONY: help setup dev up down status demo operate test test-unit test-e2e check format gen baseline bench chaos lock clean

help: ## Print this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY) ## Install everything into .venv

# pip installs uv, uv installs the lock; where only pip is set up to reach an index, pip does both.
# `--without-pip` works where python3-venv is missing.
$(READY): requirements.lock
	@test -x $(PY) || $(PYTHON) -m venv --without-pip $(VENV) || { echo "Python 3.11 or newer is needed: python3 -m venv failed." >&2; exit 1; }
	@test -x $(VENV)/bin/uv || $(PYTHON) -m pip --python $(PY) install --quiet --disable-pip-version-check uv
	@$(VENV)/bin/uv pip install --quiet --python $(PY) --require-hashes -r requirements.lock || \
	  $(PYTHON) -m pip --python $(PY) install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

dev: $(READY) ## Boot the whole mesh in the foreground with a demo tenant; Ctrl-C stops it
	@$(DEVSTACK) dev

up: $(READY) ## The same, detached; returns when every service is healthy
	@$(DEVSTACK) up

down: $(READY) ## Stop the detached mesh
	@$(DEVSTACK) down

status: $(READY) ## What runs, and where
	@$(DEVSTACK) status

operate: $(READY) ## On a running mesh, an operator's command: make operate do="tenants" (do="--help" lists them)
	@$(DEVSTACK) operate -- $(do)

demo: $(READY) ## On a running mesh: a WhatsApp question in, the assistant's answer out
	@$(PY) -m services.demo

test: $(READY) ## Every test: unit, contract, architecture, end to end on the real parts
	@$(PY) -m pytest -q

test-unit: $(READY) ## What needs no mesh
	@$(PY) -m pytest -q --ignore=tests/e2e

test-e2e: $(READY) ## The journeys only
	@$(PY) -m pytest -q tests/e2e

check: $(READY) ## Linters, types, import rules, contracts, freshness of gen/, Envoy's own validation
	@ruff format --check --quiet services gateway-edge tests || { echo "make format puts this right." >&2; exit 1; }
	@ruff check --quiet services gateway-edge tests
	@mypy
	@lint-imports --no-cache
	@$(PY) -m envoyconf.codegen --check
	@buf lint build/malha.binpb --config buf.yaml
	@buf format --diff --exit-code proto
	@buf breaking build/malha.binpb --against proto/baseline.binpb --config buf.yaml
	@envoy --mode validate -c gen/envoy/envoy.yaml -l error
	@echo "check: everything holds"

format: $(READY) ## Format code and contracts
	@ruff format --quiet services gateway-edge tests
	@ruff check --quiet --fix services gateway-edge tests
	@buf format -w proto

gen: $(READY) ## Regenerate gen/ from proto/
	@$(PY) -m envoyconf.codegen
	@$(PY) -m envoyconf
	@$(PY) -m services env-example > .env.example
	@$(PY) -m services reasons > docs/api-reasons.md

baseline: gen ## Accept the contracts as they are as what `check` guards against breaking
	@cp build/malha.binpb proto/baseline.binpb

bench: $(READY) ## Measure: one JSON line per figure, as ratios within the run
	@$(PY) -m tests.bench

chaos: $(READY) ## kill -9 each process under load; nothing lost, doubled or crossed
	@$(PY) -m tests.chaos

lock: ## Resolve the dependencies again
	@$(VENV)/bin/uv pip compile --quiet pyproject.toml --group mesh --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header -o requirements.lock

clean: ## Stop the mesh and remove its data and the build
	@test ! -x $(PY) || $(DEVSTACK) clean
	@rm -rf build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
