# Everything a reader needs: `make help` lists the targets.
# Needs make and Python 3.11 or later (with venv and pip); works with GNU make 3.81 and later.

PYTHON ?= python3
PROFILE ?= default
# On a cluster this is the cores of one job; there are as many jobs as the profile says.
CORES ?= $(if $(filter default,$(PROFILE)),all,1)
ARGS ?=

# What a shell reads as something else than part of a name.
ODD := $(shell pwd -P | LC_ALL=C tr -d '0-9A-Za-z/._,@=+%^~\200-\377-' | sed 's/.*/[&]/')
ifneq ($(ODD),[])
$(error this folder's path, $(CURDIR), has characters that a shell reads as something else, $(ODD): Snakemake's jobs do not start there; move or rename it)
endif

VENV := .venv
BIN := $(VENV)/bin
LOCKS := requirements/bootstrap.txt requirements/environment.txt
# Tools that start others (Snakemake, pytest) must find the environment's programs first.
RUN := PATH="$(CURDIR)/$(BIN):$$PATH"
SNAKEFILES := $(wildcard Snakefile workflow/Snakefile workflow/rules/*.smk)

# The environment is up to date when the file named after the content of the lock files, of the
# package's metadata (pyproject.toml up to the tools' settings) and of this folder's place exists:
# not time but content decides. It is written last, and an environment without one (interrupted,
# moved) is built again from nothing.
KEY := $(shell { cat $(LOCKS) 2>/dev/null; sed '/^.tool.pytest/,$$d' pyproject.toml; echo "$(CURDIR)"; } | cksum | tr ' \t' '--')
STAMP := $(VENV)/.complete-$(KEY)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help env study report paper claims docs docs-assets graphs regularization reference benchmark-seminorm test attack test-report test-slow test-slurm test-all test-oldest check format lock dist clean clean-env

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-19s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  PYTHON=python3.12 make env    build the environment with another Python (when there is none)"
	@echo "  make study PROFILE=slurm      on a cluster: docs/cluster.md"
	@echo "  make study CORES=2 ARGS=-n    fewer cores; further arguments for snakemake or pytest"

env: $(STAMP) ## build .venv from the lock files; quick when nothing changed
	@:

study: $(STAMP) ## run the default study (CORES=all)
	@$(BIN)/python workflow/scripts/config_syntax.py $(ARGS)
	@$(BIN)/python -m compileall -q landscape workflow/scripts
	$(RUN) snakemake --workflow-profile workflow/profiles/$(PROFILE) --cores $(CORES) $(ARGS)

report: study ## the study and its report: results/<study>/report.html, summary.pdf
	@echo "reports, the newest first (for print: summary.pdf beside them):"; ls -t results/*/report.html

paper: $(STAMP) ## compute the paper's items: results/paper/paper.csv, paper.md, figures
	$(RUN) snakemake --workflow-profile workflow/profiles/$(PROFILE) --cores $(CORES) $(ARGS) results/paper/paper.csv

claims: $(STAMP) ## try published claims, published in docs/claims
	$(RUN) snakemake --workflow-profile workflow/profiles/$(PROFILE) --cores $(CORES) $(ARGS) results/claims/claims.csv
	@mkdir -p docs/claims/figures && cp results/claims/claims.* docs/claims && cp results/claims/figures/*.png docs/claims/figures

docs: $(STAMP) ## build the site from pages, docstrings and gallery: docs/_build/html/index.html
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build/html $(ARGS)
	@echo "the site: docs/_build/html/index.html"

docs-assets: study ## publish figures and summary of the default study in README and docs
	$(BIN)/python workflow/scripts/publish.py

graphs: $(STAMP) ## draw rule graph and DAG of the default study in docs/graphs.md
	$(RUN) python workflow/scripts/graphs.py

regularization: $(STAMP) ## the experiment with the paper's regularizers, published in the docs
	@$(BIN)/python workflow/scripts/config_syntax.py $(ARGS)
	$(RUN) snakemake --workflow-profile workflow/profiles/$(PROFILE) --cores $(CORES) regularization $(ARGS)
	$(BIN)/python workflow/scripts/regularization_publish.py

benchmark-seminorm: $(STAMP) ## time the seminorm's methods, published in the docs
	$(RUN) python -m benchmarks.seminorm --full --publish --long 60 $(ARGS)

REFERENCE := results/.reference
reference: $(STAMP) ## compute the tables anew that the tests compare digits with (tests/reference)
	rm -rf $(REFERENCE) && mkdir -p $(REFERENCE) && cp tests/config/* $(REFERENCE)
	$(RUN) snakemake --workflow-profile workflow/profiles/default --cores $(CORES) --directory $(REFERENCE) \
		--configfile $(REFERENCE)/config.yaml $(ARGS)
	$(BIN)/python -m tests.workflow.reference $(REFERENCE)/results/tiny

test: $(STAMP) ## run the fast tests
	$(RUN) pytest $(ARGS)

attack: $(STAMP) ## certify 20,000 near-degenerate points, judge each exactly (ARGS=--publish: docs)
	$(RUN) python -m tests.attack $(ARGS)

test-slow: $(STAMP) ## run the slow tests only
	$(RUN) pytest -m slow $(ARGS)

test-report: $(STAMP) ## open the report in a headless Chromium (the study's own too, if it is there)
	$(RUN) pytest -m "slow or not slow" -rs tests/test_report.py $(ARGS)

# The plugin stands aside: beside a stale slurm.conf it would slow down every call of snakemake.
SLURM_PLUGIN := $(VENV)/slurm
test-slurm: $(SLURM_PLUGIN) ## run the study on a Slurm of one node (Linux, root, Slurm installed)
	PYTHONPATH="$(CURDIR)/$(SLURM_PLUGIN)" $(RUN) pytest -m slow -rs tests/slurm $(ARGS)

$(SLURM_PLUGIN): $(STAMP)
	@rm -rf $@ $@.partial
	@$(PIP) install --no-deps --target $@.partial "snakemake-executor-plugin-slurm>=2" \
		snakemake-executor-plugin-slurm-jobstep throttler
	@mv $@.partial $@

test-all: $(STAMP) ## run every test
	$(RUN) pytest -m "slow or not slow" $(ARGS)

# The estimator is what other people's environments hold: it is tested with the oldest versions that
# pyproject.toml allows, in an environment of its own.
OLDEST := .venv-oldest
test-oldest: $(STAMP) ## test the estimator with the oldest supported dependencies, in .venv-oldest
	@$(UV_INDEX) $(UV) venv --quiet --clear --python $(BIN)/python $(OLDEST) && $(UV) pip install --quiet \
		--python $(OLDEST)/bin/python --resolution lowest-direct --extra paper -r pyproject.toml \
		"pytest>=8.2" "pytest-xdist>=3.8" "hypothesis>=6.100"
	$(OLDEST)/bin/python -m pytest -p no:cacheprovider tests/test_estimator*.py $(ARGS)

check: $(STAMP) ## lint, format, types, import layers, spelling: everything but the tests
	@failed=""; try() { echo "$$*"; $(BIN)/"$$@" || failed="$$failed $$1"; }; \
	try ruff check .; \
	try ruff format --check .; \
	$(if $(SNAKEFILES),try snakefmt --check $(SNAKEFILES);) \
	try mypy; \
	try lint-imports --no-logo; \
	try codespell; \
	if [ -n "$$failed" ]; then echo "failed:$$failed" >&2; exit 1; fi

format: $(STAMP) ## format the code and apply the safe fixes
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(if $(SNAKEFILES),$(BIN)/snakefmt $(SNAKEFILES))

# `make lock` keeps the versions that still fit; `make lock ARGS=--upgrade` takes the newest.
# One file for every Python and platform, the same versions for all where they exist, and no
# addresses: any index will do, the hashes decide.
COMPILE = $(UV) pip compile pyproject.toml --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links --quiet $(ARGS)
lock: ## resolve the dependencies of pyproject.toml again (ARGS=--upgrade)
	@test -x $(BIN)/uv || $(MAKE) env ARGS=
	@$(UV_INDEX) $(COMPILE) --extra study --extra paper --extra exact --extra networks --group dev --group docs -o requirements/environment.txt
	@$(UV_INDEX) $(COMPILE:pyproject.toml=) --group bootstrap -o requirements/bootstrap.txt
	@! grep -n '://' $(LOCKS) || { echo "lock files must not hold addresses" >&2; exit 1; }

dist: $(STAMP) ## build wheel and source distribution in dist/, check their metadata
	@rm -rf dist && $(BIN)/hatchling build -d dist
	@$(UV_INDEX) $(UV) tool run --quiet twine check --strict dist/*

clean: ## remove caches and build products (not .venv, not results)
	rm -rf docs/_build docs/_gallery docs/_reference docs/sg_execution_times.rst
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

clean-env: ## remove .venv and .venv-oldest
	rm -rf $(VENV) $(OLDEST)

# --- the environment -------------------------------------------------------------------------

define CHECK_PYTHON
import sys; v = "%d.%d.%d" % sys.version_info[:3]; \
sys.exit(0 if sys.version_info >= (3, 11) else "landscape needs Python 3.11 or later; \
$(PYTHON) is " + v + ". Name another one: make PYTHON=python3.12 env")
endef

UV = $(BIN)/uv
# uv does not read pip's configuration: hand it the index that pip uses, when one is set.
UV_INDEX = index=$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$($(BIN)/python -m pip config list \
	| sed -En "s/^(global|install)\.index-url='(.*)'/\2/p" | tail -n 1)}}; \
	if [ -n "$$index" ]; then export UV_DEFAULT_INDEX="$$index"; fi;
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet

# uv, itself pinned and hashed, installs in seconds; where it cannot (no build for this platform,
# an index only pip can reach), pip does the same more slowly. Both check every hash; uv also those
# of what builds the one package that comes as source.
$(STAMP):
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON): not found; landscape needs Python 3.11 or later" >&2; exit 1; }
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	@if [ "$$(cat $(VENV)/.complete-* 2>/dev/null)" != "$(CURDIR)" ] || ! $(BIN)/python -c ''; then \
		echo "creating $(VENV) with $$($(PYTHON) --version)"; $(PYTHON) -m venv --clear $(VENV); fi
	@rm -f $(VENV)/.complete-*
	@echo "installing the locked packages (half a minute)"
	@$(UV_INDEX) \
	{ $(PIP) install --require-hashes --only-binary :all: -r requirements/bootstrap.txt \
		&& $(UV) pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode \
			--build-constraints requirements/environment.txt requirements/environment.txt; } \
	|| { echo "uv did not succeed; trying with pip (some minutes)" >&2; \
		$(PIP) install --require-hashes -r requirements/environment.txt \
		&& { $(BIN)/python -m compileall -q -j 0 $(VENV)/lib >/dev/null || true; }; }
	@$(PIP) install --no-build-isolation --no-deps --no-index --editable .
	@$(BIN)/python -m pip check >/dev/null || { $(BIN)/python -m pip check; \
		echo "pyproject.toml and the lock files disagree: run make lock" >&2; exit 1; }
	@echo "$(CURDIR)" > $@
	@echo "environment ready in $(VENV)"
