# make run | test | bench | lint | clean.  A bare machine needs python3 (3.11 or later), its venv module and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile
export PYTHONUNBUFFERED := 1
# Where it is set, every process compiles all that it imports: half of what the suite and a start would cost.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test bench lint clean dependencies tools
.NOTPARALLEL:

# Everything in the foreground: PostgreSQL, tables, demo data, web and worker. PORT, SALDO_DATA, DATABASE_URL.
run: dependencies
	@exec $(BIN)/python -m config.server

# The whole suite on a PostgreSQL of its own, and the import contracts.
test: tools
	$(BIN)/lint-imports
	$(BIN)/pytest -n 3 --dist loadgroup $(ARGS)

# Measured figures: each program in bench/ is one command.
bench: tools
	@for file in $$(grep -l '__name__ == "__main__"' bench/*.py 2>/dev/null); do echo "== $$file"; $(BIN)/python $$file || exit 1; done

lint: tools
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	SALDO_ENV=test SECRET_KEY=lint KEY_PEPPERS=1:lint ENCRYPTION_KEYS=lint $(BIN)/mypy .

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .data/test .data/ci

# Installed again only when a requirements file changed.
dependencies: $(VENV)/.run
tools: $(VENV)/.tools

$(BIN)/python:
	@echo "Saldo: making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.txt | $(BIN)/python
	@echo "Saldo: installing what requirements.txt names"
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.tools: requirements.txt requirements-dev.txt | $(BIN)/python
	@echo "Saldo: installing what requirements-dev.txt names"
	@$(PIP) -r requirements-dev.txt
	@touch $@ $(VENV)/.run
