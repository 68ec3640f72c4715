# make report: the main job on the embedded demo. make test: the tests. Both make .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# uv, where it is there, installs the same in less time.
UV := $(shell command -v uv)
PIP := $(if $(UV),$(UV) pip install --quiet --python $(BIN)/python,$(BIN)/python -m pip install --quiet --disable-pip-version-check)
PINS := requirements/constraints.txt

.PHONY: report test test-all lint format docs site audit wheel clean

report: $(VENV)/installed
	$(BIN)/snakemake results/report.html
	@echo "The report: file://$(CURDIR)/results/report.html"

test: $(VENV)/installed-dev lint
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow and not gpu"

test-all: $(VENV)/installed-dev lint
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not gpu"

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

# The configuration reference, what decides each rule, and the README's picture of the rules.
docs: $(VENV)/installed-dev
	$(BIN)/python tools/write_docs.py

# The documents as a site in build/site/html; a broken link ends it.
site: $(VENV)/installed-dev
	$(BIN)/python tools/build_site.py

# Known vulnerabilities of every pinned package, from the package index. One that could not be looked up is a
# failure as well.
audit: $(VENV)/installed-dev
	$(BIN)/pip-audit --strict --no-deps --disable-pip -r $(PINS) -r requirements/networks.txt -r requirements/tensorrt_rtx_h100.txt

# The library and the whole workflow in one file, for `pip install`.
wheel: $(BIN)/python
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf $(VENV) results .snakemake

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml $(PINS) | $(BIN)/python
	$(PIP) -c $(PINS) --editable .
	touch $@

$(VENV)/installed-dev: pyproject.toml $(PINS) requirements/networks.txt requirements/tensorrt_rtx_h100.txt | $(BIN)/python
	$(PIP) -c $(PINS) --editable '.[dev]'
	$(PIP) --no-deps -r requirements/networks.txt
	$(PIP) --no-deps --target $(VENV)/tensorrt_rtx_h100 -r requirements/tensorrt_rtx_h100.txt
	touch $@ $(VENV)/installed
