# Everything sets itself up; needed are Python 3.11 or newer and make.
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
PY := $(VENV)/bin/python
LOCK := uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate --custom-compile-command "make lock"
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-deps

# Two processes; files that share the real stack stay together in one of them (tests/conftest.py).
PARALLEL := -n 2

.PHONY: help run test test-production check lint types bench pictures lock clean extension

help:            ## say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 10

run: $(VENV)/installed  ## start aidetect on PORT (8000); Ctrl-C stops everything
	@exec $(PY) manage.py launch --port $(PORT)

test: $(VENV)/installed-dev  ## run all tests (ARGS="-k upload" passes options to pytest)
	$(PY) -m pytest $(PARALLEL) $(ARGS)

test-production: $(VENV)/installed-dev  ## a whole site of real processes (PostgreSQL, Redis, nginx, S3), and what may happen to it
	$(PY) -m pytest tests/production $(ARGS)

check: lint  ## in a minute: lint, and every test that needs neither Keras nor the real stack
	$(PY) -m pytest $(PARALLEL) -m "not keras and not stack and not browser" $(ARGS)

lint: $(VENV)/installed-dev  ## ruff, the plan of the house (import-linter) and the templates (djlint)
	$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(VENV)/bin/lint-imports
	$(VENV)/bin/djlint --lint --quiet templates

types: $(VENV)/installed-dev  ## mypy --strict
	$(PY) -m mypy

bench: $(VENV)/installed-dev  ## measure speed and memory on this machine (ARGS=--full for the sizes of docs/scale.md)
	$(PY) -m tests.bench
	$(PY) -m tests.bench_scale $(ARGS)

pictures: $(VENV)/installed-dev  ## make the README's picture again (ARGS="--all test-results" for every page, to look at)
	$(PY) -m tests.screenshots $(ARGS)

lock: $(VENV)/installed-dev  ## pin everything that requirements*.txt bring along, after a change there (ARGS="--upgrade" for newer)
	$(VENV)/bin/$(LOCK) $(ARGS) requirements.txt -o requirements.lock
	$(VENV)/bin/$(LOCK) $(ARGS) -c requirements.lock requirements-dev.txt -o requirements-dev.lock

extension:       ## pack the browser extension into dist/, as the stores take it
	@mkdir -p dist && rm -f dist/aidetect-extension.zip
	@cd extension && $(PYTHON) -m zipfile -c ../dist/aidetect-extension.zip *
	@echo "dist/aidetect-extension.zip"

clean:           ## remove the virtual environment and collected files; data stays
	rm -rf $(VENV) staticfiles

$(VENV)/installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "aidetect needs Python 3.11 or newer; PYTHON=$(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "Installing into $(VENV) (about 2 GB, a minute or two) …"
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PIP) -r requirements.lock
	@touch $@

$(VENV)/installed-dev: requirements-dev.lock $(VENV)/installed
	@$(PIP) -r requirements-dev.lock
	@touch $@
