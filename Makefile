# Two commands: `make demo` and `make test`. A bare machine with Python 3.11, make and a compiler is enough.
#
#   PYTHON      which Python                         PYTHON=python3.11
#   TORCH       which torch, installed first         TORCH=torch==2.13.0
#   PIP_ARGS    more arguments for every pip call    PIP_ARGS="--find-links wheels/"
#   ALLOW_CUDA  1: let torch bring its CUDA packages
#   DEMO_ARGS   arguments of `penchant demo`         DEMO_ARGS="--out runs/demo"

PYTHON ?= $(shell command -v python3.11 || command -v python3)
TORCH ?= torch==2.13.0
PIP_ARGS ?=
ALLOW_CUDA ?=
DEMO_ARGS ?=
WORKERS ?= 2

export PYTHON TORCH PIP_ARGS ALLOW_CUDA
export GOAL = $(firstword $(MAKECMDGOALS))

VENV := .venv
TEST_VENV := .venv-test
PINS := constraints.txt pyproject.toml tools/environment.sh tools/look_first.py

# Numerical libraries get one thread each in tests: two test processes share two cores.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 POLARS_MAX_THREADS=1

.PHONY: help demo test check dev docs format clean

help:
	@echo 'make demo    make .venv with pinned versions, run the whole job on a simulated platform'
	@echo 'make test    make a fresh .venv-test, then lint, types, tests, doctests, docs, browser'
	@echo 'make dev     make .venv with everything a developer needs'
	@echo 'make check   the fast part of the tests in .venv'
	@echo 'make docs    build the documentation into site/'
	@echo 'make format  format and mend the code'
	@echo 'make clean   remove environments and what was built'

demo: $(VENV)/.demo
	$(VENV)/bin/penchant demo $(DEMO_ARGS)

$(VENV)/.demo: $(PINS)
	sh tools/environment.sh $(VENV) '.[demo]' -e
	@touch $@

dev: $(VENV)/.dev

$(VENV)/.dev: $(PINS)
	sh tools/environment.sh $(VENV) '.[all,dev]' -e
	@touch $@ $(VENV)/.demo

test:
	rm -rf $(TEST_VENV)
	sh tools/environment.sh $(TEST_VENV) '.[all,dev]' --no-compile
	$(TEST_VENV)/bin/ruff check .
	$(TEST_VENV)/bin/ruff format --check .
	$(TEST_VENV)/bin/mypy --strict src
	$(TEST_VENV)/bin/mkdocs build --strict --quiet
	$(ONE_THREAD) $(TEST_VENV)/bin/python -m pytest -q -p no:cacheprovider --doctest-modules --pyargs penchant
	@sh tools/chromium.sh
	$(ONE_THREAD) $(TEST_VENV)/bin/python -m pytest -q -p no:cacheprovider -n $(WORKERS) --durations=15 -ra tests

check: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy --strict src
	$(ONE_THREAD) $(VENV)/bin/python -m pytest -q -n $(WORKERS) -m 'not slow and not browser' tests

docs: $(VENV)/.dev
	$(VENV)/bin/mkdocs build --strict

format: $(VENV)/.dev
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean:
	rm -rf $(VENV) $(TEST_VENV) build dist site src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
