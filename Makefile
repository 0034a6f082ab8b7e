PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
PORT ?= 8501
SERVE_PORT ?= 8600

.PHONY: run serve test check format demo pipeline clean
.DEFAULT_GOAL := run

run: $(VENV)/.base  ## prepare the demo store when there is none, then serve the app
	@$(BIN)/python scripts/prepare_demo.py --if-missing
	@$(BIN)/streamlit run app.py --server.port $(PORT)

serve: $(VENV)/.ops  ## the service over the demo store, on this machine only and without keys
	@$(BIN)/python scripts/prepare_demo.py --if-missing
	@$(BIN)/python scripts/serve.py --open --port $(SERVE_PORT)

test: $(VENV)/.dev  ## all tests; those in a browser are skipped where there is no Chromium
	@$(BIN)/pytest -n auto

check: $(VENV)/.dev  ## formatting, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(VENV)/.dev
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

demo: $(VENV)/.base  ## make the demo store again
	@$(BIN)/python scripts/prepare_demo.py

pipeline: $(VENV)/.dev  ## the demo from its tables to its figures, skipping what is unchanged
	@$(BIN)/dvc repro
	@$(BIN)/dvc metrics show

clean:
	rm -rf $(VENV) *.egg-info .mypy_cache .pytest_cache .ruff_cache

$(BIN)/python:
	@echo "Making the virtual environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.base: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing the pinned dependencies (a few minutes the first time)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.ops: pyproject.toml constraints.txt | $(VENV)/.base
	@echo "Installing what the service needs"
	@$(PIP) --editable '.[ops]'
	@touch $@ $(VENV)/.base

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/.base
	@echo "Installing what the tests and checks need"
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.base
