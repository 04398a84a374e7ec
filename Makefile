# Every target works on a fresh clone: the first one makes .venv and installs into it.

PYTHON ?= python3
VENV ?= .venv
DATASET ?= stylebench
STUDY ?= stylebench
TARGETS ?=
HOST := 127.0.0.1
MLFLOW_PORT ?= 5000
SERVE_PORT ?= 5001
ONLINE_PORT ?= 8000
ONLINE_OPTIONS ?=
PREFECT_PORT ?= 4200
TEST_WORKERS ?= 2

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

INSTALLED := $(VENV)/.installed
INSTALLED_FOR_SYSTEM := $(VENV)/.installed-for-system
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check --quiet

# DVC runs its stages with the `python` it finds first.
export PATH := $(abspath $(VENV))/bin:$(PATH)

# Nothing is reported to anyone.
export DO_NOT_TRACK := 1
export DVC_NO_ANALYTICS := 1
export GX_ANALYTICS_ENABLED := false
export HF_HUB_DISABLE_TELEMETRY := 1
export MLFLOW_DISABLE_TELEMETRY := true
export PREFECT_SERVER_ANALYTICS_ENABLED := false

export MLFLOW_TRACKING_URI ?= sqlite:///$(CURDIR)/mlruns/mlflow.db
export PREFECT_HOME ?= $(CURDIR)/.prefect

.PHONY: help
help:  ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

.PHONY: repro
repro: $(INSTALLED)  ## run the whole pipeline, publish its models, say where everything is
	@dvc repro
	@python -m stages.publish
	@printf '\n%-18s %s\n' 'Report:' '$(CURDIR)/reports/index.html'
	@for page in reports/data_docs/*/*/index.html; do printf '%-18s %s\n' 'Data docs:' "$(CURDIR)/$$page"; done
	@printf '%-18s %s\n' 'Registered models:' '`make mlflow` shows them, `make serve` serves one'

.PHONY: study
study: $(INSTALLED)  ## run a study, STUDY=stylebench, people, ... or TARGETS of it (studies/README.md)
	@python -m stages.study '$(STUDY)'
	@cd 'studies/$(STUDY)' && dvc repro $(TARGETS)
	@printf '\n%-18s %s\n' 'Reports:' '$(CURDIR)/studies/$(STUDY)/reports'

.PHONY: test
test: $(INSTALLED)  ## run the tests
	@OMP_NUM_THREADS=1 python -m pytest -q -n $(TEST_WORKERS) --dist loadfile

.PHONY: test-system
test-system: $(INSTALLED_FOR_SYSTEM)  ## run the tests that need Chromium, PostgreSQL or minutes of load
	@command -v chromium >/dev/null || echo 'No `chromium` on PATH: the tests of pages in a browser will be skipped.'
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || \
		echo 'No PostgreSQL server (Debian: postgresql): the tests on one will be skipped.'
	@OMP_NUM_THREADS=1 python -m pytest -q -m system

.PHONY: lint
lint: $(INSTALLED)  ## check style and types
	@ruff check
	@ruff format --check
	@mypy

.PHONY: mlflow
mlflow: $(INSTALLED)  ## show runs and registered models on http://127.0.0.1:5000 (MLFLOW_PORT)
	@mkdir -p mlruns
	@MLFLOW_BACKEND_STORE_URI="$$MLFLOW_TRACKING_URI" mlflow server --host $(HOST) --port $(MLFLOW_PORT)

.PHONY: serve
serve: $(INSTALLED)  ## serve the champion of DATASET on http://127.0.0.1:5001 (SERVE_PORT)
	@mlflow models serve --model-uri 'models:/prefactor-$(DATASET)@champion' --env-manager local \
		--host $(HOST) --port $(SERVE_PORT)

.PHONY: online
online: $(INSTALLED)  ## serve the champion of DATASET to users who give feedback, http://127.0.0.1:8000/docs (ONLINE_PORT, ONLINE_OPTIONS)
	@prefactor serve --dataset '$(DATASET)' --port $(ONLINE_PORT) $(ONLINE_OPTIONS)

.PHONY: prefect
prefect: $(INSTALLED)  ## start flows from a page on http://127.0.0.1:4200 (PREFECT_PORT): its server, and the flows served to it
	@python -m flows.page --port $(PREFECT_PORT)

.PHONY: serve-flows
serve-flows: $(INSTALLED)  ## serve the flows from this machine to a Prefect server that runs (PREFECT_API_URL)
	@PREFECT_API_URL="$${PREFECT_API_URL:-http://$(HOST):$(PREFECT_PORT)/api}" python -m flows.deployments

# PyTorch comes first and alone: the index may hold builds for several accelerators, and the rest must not choose.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Prefactor needs Python 3.11 or newer, \
	but $(PYTHON) is %d.%d: say which to use, as in `make PYTHON=python3.12`" % sys.version_info[:2])'
	@test -x $(VENV)/bin/python || { echo 'Making $(VENV)'; $(PYTHON) -m venv $(VENV); }
	@echo 'Installing into $(VENV): minutes the first time, then only when pyproject.toml or constraints.txt change'
	@$(PIP) install "$$(grep '^torch==' constraints.txt)"
	@$(PIP) install --constraint constraints.txt --editable '.[pipeline,serve,scale,dev]'
	@touch $@

$(INSTALLED_FOR_SYSTEM): $(INSTALLED)
	@$(PIP) install --constraint constraints.txt --editable '.[pipeline,serve,scale,dev,system]'
	@touch $@
