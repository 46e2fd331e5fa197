# make demo    the demonstration on real flights; ARGS="--exit --json" are given to it
# make test    formatting, types, floors, tests with coverage, documentation: what CI runs
# make faults  processes killed 100 times, servers that go away: what CI does in small, with its figures
#
# All that is installed goes into .venv, all that the tools write goes into build. Paths here are relative, so
# the checkout may lie in a path with spaces.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.SILENT:
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

PYTHON ?=
ARGS ?=
VENV := .venv
RUN := $(VENV)/bin/python -m

# the caches of the tools; coverage needs the absolute path, since tests start programs elsewhere
export RUFF_CACHE_DIR := build/ruff
export MYPY_CACHE_DIR := build/mypy
export COVERAGE_FILE := $(CURDIR)/build/coverage/data
export HYPOTHESIS_STORAGE_DIRECTORY := $(CURDIR)/build/hypothesis

.PHONY: help demo test faults lint docs screenshots messages tools clean distclean

help:
	sed -n 's/^# make/make/p' Makefile
	echo "make lint    formatting, types, floors"
	echo "make docs    documentation, into build/docs"
	echo "make screenshots   every page, light and dark, wide and narrow, into build/screenshots"
	echo "make messages   collect the texts for people and compile their translations"
	echo "make clean   remove build and caches; make distclean also removes .venv"

demo: $(VENV)/.installed-demo
	exec $(RUN) mirante demo $(ARGS)

test: lint tools
	echo "== tests"
	mkdir -p build/coverage
	# one thread for each process's arithmetic: the tests themselves fill the processors
	export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
	$(RUN) pytest -p tests.tools -o cache_dir=build/pytest -n 2 --dist loadgroup --no-loadscope-reorder \
		--cov --cov-report=term:skip-covered $(ARGS)
	$(MAKE) --no-print-directory docs

faults: $(VENV)/.installed-dev
	MIRANTE_KILLS=$${MIRANTE_KILLS:-100} exec $(RUN) pytest -p tests.tools -o cache_dir=build/pytest -q -s tests/faults $(ARGS)

lint: $(VENV)/.installed-dev
	echo "== format"
	$(RUN) ruff format --check .
	echo "== ruff"
	$(RUN) ruff check .
	echo "== types"
	$(RUN) mypy
	echo "== floors"
	$(VENV)/bin/python -c 'from importlinter.cli import lint_imports_command as c; c()' \
		--no-logo --cache-dir build/import-linter

docs: $(VENV)/.installed-dev
	echo "== documentation"
	$(RUN) sphinx -W --keep-going -q -d build/doctrees docs build/docs
	echo "build/docs/index.html"

screenshots: $(VENV)/.installed-dev tools
	$(RUN) tests.web.screens $(ARGS)

messages: $(VENV)/.installed-dev
	$(RUN) tests.i18n.messages

tools: $(VENV)/.installed-dev
	bash .ci/tools

# A stamp is written when its install has ended; what ended half-way is done again. An install holds the
# absolute path of the checkout, so a checkout that has moved is installed again as well.
ifneq ($(shell cat $(VENV)/.home 2>/dev/null),$(CURDIR))
.PHONY: $(VENV)/.installed-demo $(VENV)/.installed-dev
endif

$(VENV)/.installed-demo: pyproject.toml
	PYTHON="$(PYTHON)" bash .ci/install demo
	touch $@

$(VENV)/.installed-dev: pyproject.toml
	PYTHON="$(PYTHON)" bash .ci/install dev
	touch $@ $(VENV)/.installed-demo

clean:
	rm -rf build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	rm -f .coverage .coverage.*
	find src tests docs examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean
	rm -rf $(VENV)
