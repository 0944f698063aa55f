# Words anyone can guess. Everything runs from ./.venv, made on first use; nothing here needs root but `peers`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# What starves, cuts off or fills up this machine: nothing else may run beside it.
ALONE := tests/netns tests/process/test_scarcity.py tests/process/test_relay_disk_full.py
# Needs n8n, which takes minutes to install: `make test-n8n`.
APART := tests/n8n/real

.PHONY: help demo run test test-n8n peers fmt lint bench clean

help: ## this list
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

$(STAMP): pyproject.toml
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --upgrade pip
	@$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

demo: $(STAMP) ## three fake providers, the agent, its API and relay on loopback: one breaks, the flag moves, all mail arrives
	@$(BIN)/mailover demo

run: $(STAMP) ## the agent with ./config.toml
	@$(BIN)/mailover run

test: lint ## lint, types, import contracts and every test
	@$(BIN)/pytest --numprocesses 3 --dist loadfile $(ALONE:%=--ignore=%) $(APART:%=--ignore=%)
	@$(BIN)/pytest $(ALONE)

test-n8n: $(STAMP) ## real n8n with our package: lint, unit tests, every example workflow (node 20; installs n8n on first use)
	@./tests/n8n/install.sh
	@cd n8n && npm run --silent lint && npm test --silent
	@$(BIN)/pytest $(APART)

lint: $(STAMP) ## ruff, mypy --strict, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy docs/clients/python/mailover_client.py
	@$(BIN)/lint-imports

fmt: $(STAMP) ## format and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

peers: ## real servers for the tests that use them (Debian packages, needs root)
	@./tests/peers/install.sh
	@./tests/peers/npm.sh openfeature tests/peers/openfeature
	@./tests/peers/npm.sh node tests/clients/node
	@./tests/peers/npm.sh standardwebhooks tests/peers/standardwebhooks

bench: $(STAMP) ## the figures, each as a ratio to a peer or a limit in the same run (some 15 minutes)
	@$(BIN)/pip install --quiet 'waitress>=3'
	@missed=0; for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || missed=1; done; exit $$missed

clean: ## forget the environment
	@rm -rf $(VENV)
