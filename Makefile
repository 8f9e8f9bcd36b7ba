# All set-up happens here: Python 3.11 or newer, pip and make are enough.
#
#   make PYTHON=python3.12 test        another interpreter
#   make test PYTEST_ARGS="-k search"  arguments for pytest
#   make test VENV=.venv-other         another environment

SHELL := /bin/sh
VENV ?= .venv
PYTHON ?=
PYTHONS ?= python3.11 python3.12 python3.13
PYTEST_ARGS ?=
BENCH_ARGS ?=
SOAK ?= 20
SOAK_ARGS ?= $(wildcard tests/properties tests/faults tests/formats/test_damaged.py)
FUZZ ?= 60
FUZZ_ARGS ?=
WORKERS ?= auto

PY := $(VENV)/bin/python
SETUP := scripts/setup_venv.py

.DEFAULT_GOAL := help
.PHONY: help demo test check format bench soak fuzz docs lock clean setup-run setup-dev test-all-pythons

help: ## Show what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup-run ## Set up, then import, list, search, edit, export and go on with example conversations
	@$(PY) examples/demo.py

test: setup-dev ## Set up, then run all tests (PYTEST_ARGS=…, WORKERS=…)
	@$(PY) -m pytest -n $(WORKERS) $(PYTEST_ARGS)

check: setup-dev ## Lint, formatting, types, import rules
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -m pytest -q tests/test_architecture.py

format: setup-dev ## Format the code and fix what can be fixed
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

bench: setup-dev ## Measure everything against its raw limit (minutes; BENCH_ARGS=…)
	@$(PY) benchmarks/run.py $(BENCH_ARGS)

soak: setup-dev ## Run random and fault tests with many more rounds (SOAK=20, SOAK_ARGS=…)
	@RECOLLECT_SOAK=$(SOAK) $(PY) -m pytest -n $(WORKERS) $(SOAK_ARGS)

fuzz: setup-dev ## Feed every reader damaged files for a minute each (FUZZ=60, FUZZ_ARGS="codex pi")
	@$(PY) fuzz/run.py --seconds $(FUZZ) $(FUZZ_ARGS)

docs: setup-dev ## Regenerate docs/reference, then run every example in the documentation
	@$(PY) scripts/make_reference.py
	@$(PY) -m pytest -q -n $(WORKERS) tests/test_docs.py

test-all-pythons: ## Run all tests under every Python in PYTHONS that works here
	@status=0; for python in $(PYTHONS); do \
	  version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || { \
	    echo "== $$python: does not work here, skipped"; continue; }; \
	  echo "== $$python: Python $$version"; \
	  $(MAKE) --no-print-directory test PYTHON=$$python VENV=.venv-$$version || status=1; \
	done; exit $$status

lock: ## Resolve uv.lock anew against the public index (needs uv)
	uv lock --no-config

clean: ## Remove environments, caches and build results
	rm -rf .venv .venv-* build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment that is up to date costs one short Python start; PYTHON=… asks for that interpreter.
setup-run setup-dev: setup-%:
	@if [ -z "$(PYTHON)" ] && [ -x $(PY) ] && $(PY) $(SETUP) --check $(VENV) $* 2>/dev/null; then exit 0; fi; \
	for python in $(if $(PYTHON),$(PYTHON),python3.13 python3.12 python3.11 python3 python); do \
	  if $$python -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    exec $$python $(SETUP) $(VENV) $*; \
	  fi; \
	done; \
	echo "No Python 3.11 or newer works here (tried $(if $(PYTHON),$(PYTHON),python3.13 … python))." >&2; \
	echo "Install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1
