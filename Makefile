# A fresh machine needs only Python 3.11 or newer (with pip and venv) and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
PROCESSES := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
# One process more than cores, because many tests wait.
# What was compiled is kept even where the environment says otherwise: a hundred processes start from the same files.
# Threads share one arena, and large pieces of memory are mapped, so that what is freed goes back: a tenth of a worker.
PYTEST := PYTHONDONTWRITEBYTECODE= MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=131072 $(BIN)/python -m pytest --numprocesses $(PROCESSES)
# The files of `make test` are in memory where there is room; those of test-all are on the disk that they are about.
MEMORY := $(shell df -k --output=avail /dev/shm 2>/dev/null | awk 'END { if ($$1 > 4000000) print "/dev/shm" }')
export AMENDS_HOME ?= $(CURDIR)/demo-home

.PHONY: help demo test test-all chaos soak check up lock clean

help: ## what there is to do
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Amends needs Python 3.11 or newer: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	@$(PYTHON) install.py $(VENV)
	@touch $@

demo: $(INSTALLED) ## a whole incident, start to end, on this machine
	$(BIN)/amends demo --home $(CURDIR)/demo-home

test: $(INSTALLED) ## the tests that prove the product; nine to ten minutes on two cores
	folder=$$(mktemp -d "$(or $(MEMORY),/tmp)/amends-tests.XXXXXX") && trap 'rm -rf "$$folder"' EXIT && \
		$(PYTEST) --dist worksteal -m 'not full' --basetemp "$$folder/tests" $(ARGS)

test-all: $(INSTALLED) ## the rest: processes, browsers, a Prefect server, kills, both databases; an hour on two cores
	$(PYTEST) --dist loadfile --no-loadscope-reorder -m full $(ARGS)

chaos: $(INSTALLED) ## kill senders at random moments, full size, up to an hour: nobody told twice, nobody lost
	AMENDS_CHAOS_PEOPLE=$${AMENDS_CHAOS_PEOPLE:-2000} AMENDS_CHAOS_KILLS=$${AMENDS_CHAOS_KILLS:-50} \
		$(BIN)/python -m pytest --timeout 0 tests/chaos $(ARGS)
	AMENDS_CHAOS_PEOPLE=$${AMENDS_CHAOS_PEOPLE:-10000} \
		$(BIN)/python -m pytest --timeout 0 tests/delivery/send/test_canaries.py $(ARGS)

soak: $(INSTALLED) ## months of made-up weeks, at full size: no step twice, none forgotten, nobody told what is wrong
	AMENDS_SOAK=1 $(BIN)/python -m pytest --timeout 0 tests/domain/plan/machine/test_plan_machine.py tests/ledger/deliver/machine/test_delivery_machine.py tests/ledger/outbox/test_kill_machine.py tests/flows/told/test_told_machine.py $(ARGS)

check: $(INSTALLED) ## format, lint, types, import rules, layout, declared dependencies
	$(BIN)/ruff format $(if $(CI),--check) .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --explicit-package-bases bench
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --quiet tests/test_layout.py
	$(BIN)/deptry .

up: $(INSTALLED) ## Prefect server, runner and portal in the foreground; Ctrl-C stops all of it
	@test -e $(AMENDS_HOME)/amends.toml || $(BIN)/amends init $(AMENDS_HOME) --public-url http://127.0.0.1:8400
	$(BIN)/amends up --home $(AMENDS_HOME)

lock: ## resolve requirements.lock afresh, for every supported Python (needs uv)
	uv pip compile --universal --generate-hashes --no-header --no-annotate --no-emit-index-url \
		--python-version 3.11 --group dev --extra postgres pyproject.toml --output-file requirements.lock --upgrade

clean: ## remove what was made here: environment, demo, test output
	rm -rf $(VENV) demo-home test-output .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
