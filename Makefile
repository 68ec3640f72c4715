# make report: the main job on the embedded demo. make test: the tests. Both make .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: report test test-all lint format docs screenshots clean

report: $(VENV)/installed
	$(BIN)/snakemake results/report.html
	@echo "The report: file://$(CURDIR)/results/report.html"

test: $(VENV)/installed-dev lint
	$(BIN)/python -m pytest -m "not slow and not gpu"

test-all: $(VENV)/installed-dev lint
	$(BIN)/python -m pytest -m "not gpu"

lint: $(VENV)/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/snakefmt Snakefile workflow/rules

docs: $(VENV)/installed-dev
	$(BIN)/python tools/write_docs.py

$(VENV)/installed: pyproject.toml requirements/cpu.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/cpu.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	touch $@

clean:
	rm -rf $(VENV) results .snakemake
