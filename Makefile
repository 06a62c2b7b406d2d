# `make` or `make help` lists what there is. `make up` and `make test` are all that most people need.
# The settings that `make up` reads from the environment are listed in docs/settings.md.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules

# The oldest supported version first: it is the one that the suite runs on.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name))))
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev
CLIENTS := tests/clients
CLIENTS_STAMP := $(CLIENTS)/node_modules/.installed
JOBS ?= auto
# By file: tests that share one running product share it on one worker. Each worker takes one of Redis' 16 databases.
PYTEST := $(BIN)/python -m pytest --dist loadfile --maxprocesses 8
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: help up test test-fast test-long test-services check format bench lock vendor script clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  \033[1m%-15s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: $(RUN_STAMP) ## Start everything on this machine; Ctrl-C stops it (PORT, HOST, DATA_DIR)
	@exec $(BIN)/python -m config.supervisor

test: $(DEV_STAMP) $(CLIENTS_STAMP) ## Run the whole suite
	$(PYTEST) -n $(JOBS) -m "not long"

test-fast: $(DEV_STAMP) ## Run all but browser, real clients and fault tests
	$(PYTEST) -n $(JOBS) -m "not e2e and not protocols and not faults and not long"

test-long: $(DEV_STAMP) ## Run the long fault test: a thousand processes killed at random under load
	$(PYTEST) -m long

test-services: $(DEV_STAMP) $(CLIENTS_STAMP) ## Run the suite on Debian's PostgreSQL 15 and Redis 7 (as root; installs them)
	.ci/test-services $(PYTEST) -n $(JOBS) -m "not long"

check: export DATA_DIR := build/check
check: export SECURE := true
check: export PUBLIC_URL := https://localhost
check: $(DEV_STAMP) ## Format, lint, types, layers, migrations, deployment checks, templates
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/djlint --lint --quiet templates

format: $(DEV_STAMP) ## Format the code and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV_STAMP) ## Measure; prints a table and writes artefacts/bench.json
	$(BIN)/python -m tests.benchmarks

# uv resolves for every platform and Python version at once. `UPGRADE=--upgrade make lock` takes the newest versions.
LOCK = build/lock/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --quiet $(UPGRADE)
lock: ## Write requirements.txt and requirements-dev.txt anew from pyproject.toml
	"$(PYTHON)" -m venv build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(LOCK) --output-file requirements.txt
	$(LOCK) --group dev --constraint requirements.txt --output-file requirements-dev.txt

# Needs npm; nothing else does. The copies are committed, so that running needs neither npm nor a network.
vendor: ## Copy the browser libraries that package-lock.json pins into config/static/vendor
	npm ci --ignore-scripts --no-audit --no-fund
	install -m 644 node_modules/uplot/dist/uPlot.iife.min.js config/static/vendor/uplot/uPlot.min.js
	install -m 644 node_modules/uplot/dist/uPlot.min.css node_modules/uplot/LICENSE config/static/vendor/uplot/
	install -D -m 644 node_modules/web-vitals/LICENSE config/static/vendor/web-vitals/LICENSE
	rm -rf node_modules

# Needs the JavaScript clients of the tests (esbuild, web-vitals). The result is committed: running the product needs no node.
script: $(CLIENTS_STAMP) ## Build monitoring/static/postlaunch.js from monitoring/browser/script
	NODE_PATH=$(CLIENTS)/node_modules $(BIN)/node monitoring/browser/script/build.mjs $(CLIENTS)/node_modules monitoring/static/postlaunch.js

clean: ## Remove what can be made again; the data in var/ stays
	rm -rf $(VENV) build artefacts staticfiles .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -not -path './var/*' -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Postlaunch needs Python 3.11 or newer, and no python3 was found." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Postlaunch needs Python 3.11 or newer; $(PYTHON) is $$("$(PYTHON)" --version)." \
			"Name another one: make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "Making the environment in $(VENV)."
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) could not make it; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

# A stamp is newer than the lock it was installed from. An environment for development runs the product as well.
$(RUN_STAMP): requirements.txt | $(BIN)/python
	@echo "Installing what requirements.txt names; this is done once."
	@$(PIP) -r requirements.txt
	@touch $@

# Unmodified JavaScript clients for the tests, run by the node that the environment brings along.
$(CLIENTS_STAMP): $(CLIENTS)/package-lock.json $(DEV_STAMP)
	@echo "Installing the JavaScript clients of the tests; this is done once."
	@cd $(CLIENTS) && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(DEV_STAMP): requirements-dev.txt | $(BIN)/python
	@echo "Installing what requirements-dev.txt names; this is done once."
	@$(PIP) -r requirements-dev.txt
	@touch $@ $(RUN_STAMP)
