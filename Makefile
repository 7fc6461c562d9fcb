# The verbs of this project. All of them work in .venv, which is made when it is first needed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SERVERS := $(VENV)/.servers
PYTORCH := $(VENV)/.pytorch
NODE := $(VENV)/node
PAGES := src/metaflow/web/static/index.html
# What the web app is built from; and how to run a program of Node.js: that of $(NODE), if one had to be fetched.
UI_SOURCES := $(shell find ui -name node_modules -prune -o -type f ! -name openapi.json ! -name schema.d.ts -print)
WITH_NODE := PATH="$(CURDIR)/$(NODE)/node_modules/.bin:$$PATH"
SERVER_PROGRAMS := azurite@3.35.0 s3rver@3.7.1
# How many processes run the tests: more than processors, as most tests wait for what they have started.
WORKERS ?= 3

# Runs are recorded under a person's name. The root account of a container does not count as one.
ifeq ($(strip $(filter-out root,$(METAFLOW_USER) $(SUDO_USER) $(USERNAME) $(USER))),)
export METAFLOW_USER := developer
endif

.DEFAULT_GOAL := help
.PHONY: help demo ui test lint bench docs gallery clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## train classifiers on handwritten digits, and keep the best
	$(BIN)/python examples/classifiers.py run
	@$(MAKE) --no-print-directory ui || echo 'The pages of the web app cannot be built now.'
	@echo 'See all of it in your browser: $(BIN)/metaflow ui'

ui: $(READY) $(PAGES) ## build the pages of the web app, which `metaflow ui` serves
	@:

# Files are taken in their order, which begins with the longest ones, so that no worker is left alone with them at the
# end. Engines, browsers and servers of every kind share the processors here, and a test may run out of time that is no
# fault of what it tests. So the few that fail are run once more, alone, for all to see; more than a few are a failure.
test: lint $(SERVERS) $(PYTORCH) ## run all checks and all tests
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder || { \
	  [ $$? = 1 ] && [ "$$(grep -c '::' .pytest_cache/v/cache/lastfailed)" -le 5 ] && \
	  echo 'UNSTEADY: these failed, and are run again by themselves:' && grep '::' .pytest_cache/v/cache/lastfailed && \
	  $(BIN)/pytest --last-failed --last-failed-no-failures none; }

lint: $(READY) $(PAGES) ## run the checks that read the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if [ -d ui/node_modules ]; then $(BIN)/python -m metaflow.web.openapi >ui/openapi.json && cd ui && \
	  for check in api lint typecheck test; do $(WITH_NODE) npm run --silent $$check || exit 1; done; fi

bench: $(READY) ## measure beside Metaflow, and write benchmarks/RESULTS.md (some minutes)
	$(BIN)/python -m benchmarks

docs: $(READY) ## run every flow that the documents show
	$(BIN)/pytest -n 2 tests/e2e/test_docs.py

gallery: $(READY) ## make the example cards, and one page that shows them all
	$(BIN)/python examples/cards/gallery.py

clean: ## remove everything that was made here, but no results of runs
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache benchmarks/.work gallery
	rm -rf src/metaflow/web/static ui/node_modules ui/openapi.json ui/src/api/schema.d.ts
	find src tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# The web app. Where there is no npm, it is not built, and everything else works.
$(PAGES): $(UI_SOURCES) | $(READY) $(NODE)/.ready
	@if $(WITH_NODE) npm --version >/dev/null 2>&1; then \
	  cd ui && $(WITH_NODE) npm ci --silent --no-fund --no-audit && $(WITH_NODE) npx --offline vite build --logLevel warn; \
	else echo 'npm is not installed: the pages of the web app are not built. Install Node.js 20 or newer, and run: make ui'; fi

# Node.js that is new enough for building the web app: the system's, or else one that npm can fetch.
$(NODE)/.ready: | $(READY)
	@mkdir -p $(NODE)
	@if command -v npm >/dev/null && ! node -e 'process.exitCode = parseInt(process.versions.node) < 20 ? 1 : 0'; then \
	  npm install --silent --no-fund --no-audit --prefix $(NODE) node@22 npm@10; fi
	@touch $@

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
