# The verbs of this project. All of them work in .venv, which is made when it is first needed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SERVERS := $(VENV)/.servers
PYTORCH := $(VENV)/.pytorch
SERVER_PROGRAMS := azurite@3.35.0 s3rver@3.7.1

# Runs are recorded under a person's name. The root account of a container does not count as one.
ifeq ($(strip $(filter-out root,$(METAFLOW_USER) $(SUDO_USER) $(USERNAME) $(USER))),)
export METAFLOW_USER := developer
endif

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench docs gallery clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## train classifiers on handwritten digits, and keep the best
	$(BIN)/python examples/classifiers.py run

test: lint $(SERVERS) $(PYTORCH) ## run all checks and all tests
	$(BIN)/pytest -n 2 --dist loadfile

lint: $(READY) ## run the checks that read the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## measure beside Metaflow, and write benchmarks/RESULTS.md (some minutes)
	$(BIN)/python -m benchmarks

docs: $(READY) ## run every flow that the documents show
	$(BIN)/pytest -n 2 tests/e2e/test_docs.py

gallery: $(READY) ## make the example cards, and one page that shows them all
	$(BIN)/python examples/cards/gallery.py

clean: ## remove everything that was made here, but no results of runs
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache benchmarks/.work gallery
	find src tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# Servers that tests need and that are programs of Node.js. Where there is no npm, these tests are skipped.
$(SERVERS): $(READY)
	@if command -v npm >/dev/null; then npm install --silent --no-fund --no-audit --prefix $(VENV)/npm $(SERVER_PROGRAMS); fi
	@touch $@

# For the tests of distributed training; the version for processors only, which is a tenth of the other one. Where it
# cannot be had, these tests are skipped.
$(PYTORCH): $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'torch==2.13.0+cpu' || echo 'PyTorch cannot be installed here: going on without it.'
	@touch $@

# The stamp makes every later call quick; a change of the requirements installs again.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.10 or newer is needed; say which: make PYTHON=python3.12" if sys.version_info < (3, 10) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,demo]'
	@touch $@
