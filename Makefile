# Two commands for everybody: `make demo` and `make test`. The rest is for those who change the code.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo docs fuzz test test-all check format bench clean

$(STAMP): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python >= 3.11 is needed: set PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python >= 3.11 is needed, found $$($(PYTHON) --version)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[china,excel,docx]"
	touch $@

$(VENV)/.installed-dev: $(STAMP)
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

demo: $(STAMP)  ## real Beijing-Tianjin-Hebei 2019: writes demo/ and prints where the report is
	$(BIN)/carbonshed demo demo

test: $(VENV)/.installed-dev  ## the tests, without the slow ones
	$(BIN)/python -m pytest -n auto -m "not slow"

test-all: $(VENV)/.installed-dev  ## all tests
	$(BIN)/python -m pytest -n auto

docs: $(VENV)/.installed-docs  ## the documentation site, into build/docs: without warnings or not at all
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

$(VENV)/.installed-docs: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	touch $@

torture: $(VENV)/.installed-dev  ## 300 runs killed at random moments, and one before every 20th of the writes: see docs/promises.md
	$(BIN)/python tools/torture.py --kills 300 --points 20

check: $(VENV)/.installed-dev  ## style, types, and the tower of floors
	$(BIN)/ruff check src tests tools benchmarks
	$(BIN)/ruff format --check src tests tools benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev
	$(BIN)/ruff format src tests
	$(BIN)/ruff check --fix src tests

fuzz: $(VENV)/.installed-dev  ## 1,000 damaged input files, seeds recorded: the table of what came of them
	$(BIN)/python tests/fuzz 1000 --log fuzz.ndjson

bench: $(VENV)/.installed-dev  ## all benchmarks against their peers: prints one table, writes docs/benchmarks.md
	$(BIN)/python -m pip install --quiet --editable ".[bench]"
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) demo dist build
