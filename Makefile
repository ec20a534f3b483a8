# One target per habit; `make test` and `make demo` set up everything they need on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2
# One thread per process: two test workers with two threads each would fight for two cores.
SINGLE := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: help setup fmt lint style format layers torchvision types test documents docs faults demo bench clean

help:
	@echo "make setup   environment in $(VENV)"
	@echo "make demo    denoise the sample that comes with the package, into demo/"
	@echo "make test    lint, and the tests of the code"
	@echo "make documents  README, docs/ and examples/, from top to bottom (CI runs it too)"
	@echo "make docs    the site, into docs/_build/html: its notebooks run meanwhile (minutes)"
	@echo "make faults  kills, full disks, damaged files: what must not cost data (CI runs it too)"
	@echo "make fmt     put the code in order: imports, line ends, what ruff mends by itself"
	@echo "make lint    ruff, who may import whom, no torchvision (what git runs before a commit, see CONTRIBUTING.md)"
	@echo "make types   mypy --strict"
	@echo "make bench   the benchmarks; clean takes away what tools left behind"

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "expected Python 3.11 or newer; got $$($(PYTHON) --version 2>&1); run \`make PYTHON=python3.11 $(or $(MAKECMDGOALS),setup)\`" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	# PyTorch first and alone: what is installed after it must fit it, and not the other way round.
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	touch $(STAMP)

fmt: setup
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .

# .pre-commit-config.yaml runs the same, one by one; a test holds the two lists equal.
lint: style format layers torchvision

style: setup
	$(BIN)/ruff check .

format: setup
	$(BIN)/ruff format --check .

layers: setup
	$(BIN)/lint-imports

torchvision: setup
	# Nothing needs torchvision; where it is built for another device than PyTorch, torch.compile fails on importing it.
	$(BIN)/python -c 'from importlib.util import find_spec as f; bad = [n for n in ("torchvision", "torchaudio") if f(n)]; assert not bad, f"pip uninstall {bad}"'

types: setup
	$(BIN)/mypy

# Coverage costs time: CI measures it, against the floor in pyproject.toml, and so does `make test CI=true`.
test: lint
	$(SINGLE) $(BIN)/pytest -n $(WORKERS) --dist worksteal --ignore=tests/documents --ignore=tests/faults $(if $(CI),--cov --cov-report=term:skip-covered)

documents: setup
	$(SINGLE) $(BIN)/pytest -n $(WORKERS) tests/documents

# No warning is let through. What is unchanged is written again (its margin lists all pages), and not read again; `make clean` first for a site made anew.
docs: setup
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[docs]"
	$(SINGLE) $(BIN)/python -m sphinx -a -b html -W --keep-going docs docs/_build/html

faults: setup
	$(SINGLE) $(BIN)/pytest -n $(WORKERS) tests/faults

demo: setup
	$(BIN)/quietscope demo --output demo --overwrite

bench: setup
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[bench]"
	$(BIN)/python benchmarks/noise.py
	$(BIN)/python benchmarks/quality.py --data Confocal_FISH --fields 4 --budget 4m
	$(BIN)/python benchmarks/bootstrap.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/speed.py

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache docs/_build docs/reference/made docs/gallery/made
