# What there is to do here. `make` alone lists it.
PYTHON ?= python3
EPS_SCALE ?= 0.05
# Tests wait for processes and clocks more than they compute: two at a time, file by file.
EPS_TEST_WORKERS ?= 2
# grpc's own log lines (a peer that went away) are none of ours.
export GRPC_VERBOSITY ?= NONE
# Paths stay relative, so that a checkout may live in a folder with spaces.
VENV := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup services web run test check screens format gen bench soak eval release lock clean

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 16

setup: ## Make .venv from the lock file
	@$(PYTHON) scripts/bootstrap.py dev </dev/null

services: setup ## Install what tests need of the system, where that is possible
	@$(VENV) scripts/test_services.py </dev/null

web: setup ## Build the web app, where Node is
	@$(VENV) scripts/web.py </dev/null

run: ## Set up, start the service with its simulated site, say what to try
	@$(PYTHON) scripts/run.py

test: services web ## Run all tests, heavy ones small
	@EPS_SCALE=$(EPS_SCALE) $(VENV) -m pytest --continue-on-collection-errors -n $(EPS_TEST_WORKERS) \
		--dist loadfile --no-loadscope-reorder $(PYTEST_ARGS) </dev/null

check: setup ## Format, lint, types, imports, protos, generated code, locks
	@$(VENV) scripts/check.py </dev/null

format: setup ## Rewrite files into the project's format
	@$(VENV) -m ruff check --fix --quiet .
	@$(VENV) -m ruff format --quiet .
	@if [ -f buf.yaml ]; then .venv/bin/buf format -w; fi

gen: setup ## Generate stubs from protos/ and the table of settings
	@$(VENV) scripts/gen.py </dev/null
	@$(VENV) scripts/gen_go.py </dev/null
	@$(VENV) scripts/web.py packages </dev/null
	@$(VENV) scripts/gen_web.py </dev/null
	@$(VENV) scripts/settings_doc.py </dev/null

bench: services ## Measure, and print one table (ARGS=--write keeps it in docs/)
	@$(VENV) -m tests.bench $(ARGS) </dev/null

soak: services ## The heavy tests in full size
	@$(VENV) scripts/soak_services.py </dev/null
	@EPS_SCALE=1 $(VENV) -m pytest -m soak --timeout 3600 $(PYTEST_ARGS) </dev/null

screens: services web ## Take the pictures of docs/screens anew
	@EPS_SCREENS=1 $(VENV) -m pytest tests/web/test_screens.py -q </dev/null

eval: services ## Score the engine on its question sets
	@$(VENV) -m tests.eval.run $(ARGS) </dev/null

release: services ## Build everything that is given out, and check it by installing it
	@$(VENV) scripts/release.py $(ARGS) </dev/null

lock: setup ## Resolve requirements/*.txt from pyproject.toml (ARGS=--upgrade for newer ones)
	@$(VENV) scripts/lock.py $(ARGS) </dev/null

clean: ## Remove what was made here, but not .eps (your data)
	@rm -rf .venv .tools .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
