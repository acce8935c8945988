# `make help` lists what can be made
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
HANDED_IN := tests/test_hostile.py tests/test_damaged.py
STAFF := hlmtools autograder solutions tests data
export OPENBLAS_NUM_THREADS := 1

.PHONY: help demo test check lint build references bench release setup sandbox clean

demo: setup sandbox  ## the whole way, from a Canvas archive to grades, on a small class
	$(BIN)/hlm demo

test: setup sandbox  ## the fast tests (under ten minutes)
	$(BIN)/pytest -n 2

check: setup sandbox lint  ## everything, the long way
	$(BIN)/hlm build --check
	$(BIN)/hlm verify --thorough
	$(BIN)/pytest -n 2 -m 'not bench'
	for again in 2 3; do $(BIN)/pytest -n 2 -m 'not bench' $(HANDED_IN) || exit 1; done

lint: setup  ## style and types
	$(BIN)/ruff check $(STAFF)
	$(BIN)/ruff format --check $(STAFF)
	$(BIN)/mypy
	MYPYPATH=solutions $(BIN)/mypy --config-file pyproject.toml solutions/hlmtools

build: setup  ## masters -> what students get
	$(BIN)/hlm build

references: setup  ## fit the references again in R, where it is there
	$(BIN)/python -m autograder.references --r

bench: setup sandbox  ## speed: engine, grading, homeworks
	$(BIN)/python -m tests.benchmarks.engine --full
	$(BIN)/python -m tests.benchmarks.grading --full
	$(BIN)/python -m tests.benchmarks.homeworks

release: setup  ## both archives of a homework: make release HW=hw1
	@test -n "$(HW)" || { echo "Say which homework: make release HW=hw1"; exit 2; }
	$(BIN)/hlm release $(HW) --out dist/release

setup: $(READY)  ## install the packages into .venv

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; say which: make demo PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { echo "Python's venv module is missing: sudo apt-get install python3-venv"; exit 1; }
	@echo "Installing the packages of requirements.txt into .venv (a minute or two) ..."
	$(BIN)/pip install --quiet --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

sandbox:
	@command -v bwrap > /dev/null && ldconfig -p 2> /dev/null | grep -q libseccomp.so.2 && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	  echo "Installing what submissions run in (apt-get install bubblewrap libseccomp2) ..."; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq bubblewrap libseccomp2 > /dev/null; \
	elif command -v bwrap > /dev/null; then \
	  echo "Without libseccomp dangerous system calls are not refused: sudo apt-get install libseccomp2"; \
	else \
	  echo "bubblewrap is needed to run submissions: sudo apt-get install bubblewrap libseccomp2"; exit 1; \
	fi

clean:  ## take away .venv, dist and demo
	rm -rf .venv dist demo

help:  ## this list
	@sed -nE 's/^([a-z]+):.*  ## (.*)/make \1@\2/p' $(MAKEFILE_LIST) | column -t -s @
