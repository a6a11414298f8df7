# Start with `make help`. A machine needs Python 3.11, 3.12 or 3.13 and make; `setup` installs the rest.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup setup-dev stale run serve bench chaos check-sources drawn nights screenshots compare test format lock audit licences \
	clean

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?=
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
NPM := $(BIN)/python -m local.node
NPM_CI := $(NPM) ci --no-audit --no-fund --ignore-scripts --no-update-notifier --prefer-offline --loglevel=error --prefix
PIN := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade) pyproject.toml

IDS ?= 100000
flag = $(if $($(1)),--$(2) '$($(1))')
API_FLAGS = --ids '$(IDS)' $(call flag,PAGE_SIZE,page-size) $(call flag,LATENCY_MS,latency-ms) \
	$(call flag,FAILURE_RATE,failure-rate) $(call flag,THROTTLE,throttle) $(call flag,SEED,seed)

help: ## show this list
	@echo 'Sluice: make TARGET [NAME=VALUE ...]'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  run and serve take IDS (100000), PAGE_SIZE, LATENCY_MS, FAILURE_RATE, THROTTLE, SEED;'
	@echo '  run takes CHUNK_SIZE as well; serve takes PORT (7071); lock takes UPGRADE=1;'
	@echo '  chaos takes ROUNDS (20), SEED, IDS of a round, and FIRST, the number of the first round;'
	@echo '  every target takes PYTHON, the interpreter that the virtual environment is made with.'

setup: $(VENV)/.ready local/emulator/node_modules/.ready ## install what run, serve, chaos and check-sources need (they run it themselves)

setup-dev: setup $(VENV)/.ready-dev tests/node_modules/.ready ## install what the other targets need too (they run it themselves)

run: setup ## move IDS ids from the demo API to the queue, then check that each one arrived once
	@$(BIN)/python -m local.demo.run $(API_FLAGS) $(call flag,CHUNK_SIZE,chunk-size)

serve: setup ## run storage, demo API and the app until Ctrl-C
	@$(BIN)/python -m local.demo.serve $(API_FLAGS) $(call flag,PORT,port)

bench: setup-dev ## run benchmark SCENARIO, or list the scenarios
	@$(BIN)/python -m local.benchmarks $(SCENARIO) $(call flag,SIZE,size) $(call flag,REPEATS,repeats)

check-sources: setup ## check the descriptions in sources.toml (SLUICE_SOURCES)
	@$(BIN)/python -m ingestion.source.check

chaos: setup ## run the app while processes are killed and services fail (ROUNDS times); check that no id is lost
	@$(BIN)/python -m local.chaos $(call flag,ROUNDS,rounds) $(call flag,SEED,seed) $(call flag,FIRST,first) \
	  $(if $(filter-out file,$(origin IDS)),--ids '$(IDS)')

drawn: setup-dev ## read DRAWN random sources (50,000), half of them described wrongly; check every completed run
	@DRAWN=$(or $(DRAWN),50000) $(BIN)/pytest -q -n auto tests/sources/test_drawn.py

nights: setup-dev ## play five scheduled runs and kill each halfway; check that no order is lost
	@$(BIN)/pytest -q -s tests/e2e/killed_nights.py

screenshots: setup-dev ## take the pictures of page and terminal for README and docs
	@$(BIN)/python -m local.browser.screenshots
	@$(BIN)/python -m local.demo.still

compare: setup-dev ## compare devhost with the recorded real Functions host; PART (api-states, ...) for one part
	@$(BIN)/pytest -q -s tests/real_host/test_parts.py $(if $(PART),-k '$(PART)')

test: setup-dev ## lint, types and all tests; what CI runs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q -n auto --dist loadfile

format: setup-dev ## format the code, sort imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup-dev ## pin all packages again, in three requirements files and two package-lock.json
	$(PIN) -o requirements.txt
	$(PIN) --extra terminal --extra local -c requirements.txt -o requirements-local.txt
	$(PIN) --extra terminal --extra local --extra dev -c requirements-local.txt -o requirements-dev.txt
	for folder in local/emulator tests; do \
	  $(NPM) install --prefix $$folder --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund || exit 1; done

audit: setup-dev ## look for known vulnerabilities of the deployed packages (asks the package index)
	$(BIN)/uv tool run --quiet pip-audit@2.10.1 --strict --disable-pip --require-hashes -r requirements.txt

LICENCES := Apache Software License;Apache-2.0;BSD License;BSD-3-Clause;MIT License;MIT-0;MIT;Mozilla Public License 2.0 (MPL 2.0)
LICENCES := $(LICENCES);BSD-2-Clause;PSF-2.0;Python Software Foundation License;Public Domain;Freely Distributable;ISC

licences: setup-dev ## check the licences of the deployed packages
	$(BIN)/uv tool run --quiet pip-licenses@5.5.5 --python $(BIN)/python --from=mixed --order=license --partial-match \
	  --allow-only '$(LICENCES)' --packages $$(sed -n 's/^\([a-zA-Z0-9_.-]*\)==.*/\1/p' requirements.txt)

clean: ## delete runs, caches and everything that setup installed
	rm -rf .sluice $(VENV) local/emulator/node_modules tests/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Make the environment anew if the folder was moved, because installed programs contain its path, or if its Python is gone.
STALE := $(shell [ -x $(BIN)/python ] && [ "$$(cat $(VENV)/.folder 2>/dev/null)" = "$$(pwd -P)" ] || echo stale)

# Take the first interpreter on PATH whose version is right; its name alone does not guarantee the version.
$(VENV)/.folder: $(STALE)
	@rm -rf $(VENV)
	@for python in $(if $(PYTHON),'$(PYTHON)',python3.11 python3.12 python3.13 python3 python); do \
	  if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then \
	    echo "creating $(VENV) with $$("$$python" --version)"; "$$python" -m venv $(VENV) && pwd -P > $@; exit; \
	  fi; \
	done; \
	python='$(or $(PYTHON),python3)'; \
	echo "Sluice needs Python 3.11, 3.12 or 3.13; $$python is: $$("$$python" --version 2>&1 || echo missing)." >&2; \
	echo "Install one of them, or name it: make setup PYTHON=/path/to/python3.11" >&2; exit 1

# pip writes the file INSTALLER last. So the installation of a package without it was interrupted, and is repeated.
repair = for info in $(VENV)/lib/python*/site-packages/*.dist-info; do [ -e "$$info/INSTALLER" ] || rm -rf "$$info"; done
failed = { echo "Set-up could not install $(1): the lines above say why." >&2; \
  echo "It needs disk space and the $(2), or a mirror that $(3) is set up for. Then run the same command: it continues from here." >&2; exit 1; }

$(VENV)/.ready: requirements-local.txt pyproject.toml $(VENV)/.folder
	@echo 'installing the Python packages that the app needs (half a minute)'
	@$(repair)
	@$(PIP) -r requirements-local.txt || $(call failed,the Python packages,Python package index,pip)
	@$(PIP) --no-index --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.ready-dev: requirements-dev.txt $(VENV)/.ready
	@echo 'installing the Python packages of the tests (a minute)'
	@$(repair)
	@$(PIP) -r requirements-dev.txt || $(call failed,the Python packages of the tests,Python package index,pip)
	@touch $@

local/emulator/node_modules/.ready: local/emulator/package-lock.json local/emulator/package.json | $(VENV)/.ready
	@echo 'installing Azurite (a quarter of a minute)'
	@$(NPM_CI) local/emulator || $(call failed,Azurite,npm registry,npm)
	@echo 'set-up is done: make run, make serve, or make help'
	@touch $@

tests/node_modules/.ready: tests/package-lock.json tests/package.json | $(VENV)/.ready
	@echo 'installing the JavaScript packages of the tests'
	@$(NPM_CI) tests || $(call failed,the JavaScript packages of the tests,npm registry,npm)
	@touch $@
