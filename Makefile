# Cairn's commands. Python 3.11 or 3.12, Node 20 or newer and make are all they need; see `make help`.

SHELL := /bin/sh
# The first Python on the path that will do.
PYTHON := $(shell for python in python3.12 python3.11 python3 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' \
	2>/dev/null && echo "$$python" && break; done)
# Only where they are wanted: not for `make clean` on a machine without them.
SETUP = @$(if $(PYTHON),$(PYTHON) tools/setup.py,$(NO_PYTHON))
NO_PYTHON = { echo 'cairn: there is no Python 3.11 or 3.12 on the path: install one' >&2; exit 1; }
RUN = @$(PYTHON) tools/run.py
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test up down gas kubo flower bench-data bench-governance bench-inference \
	bench-oracle bench-storage bench-training sim-rounds soak-ingest soak-oracle lint format lock clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

setup: ## install what the locks name, compile the contracts, export their ABIs
	$(SETUP) --dev

demo: ## play the whole story on a chain of this machine: readings to a paid, audited prediction
	$(SETUP)
	$(RUN) ape run demo $(ARGS)

test: ## run every test; REQUIRE_ALL=1 makes a failure of what this machine lacks something for
	$(SETUP) --dev --force-compile
	$(if $(filter 1,$(REQUIRE_ALL)),@tools/kubo/build.sh)
	$(if $(filter 1,$(REQUIRE_ALL)),@$(PYTHON) tools/flower_env.py)
	@REQUIRE_ALL='$(REQUIRE_ALL)' $(PYTHON) tools/test.py $(ARGS)

up: ## start a local chain, an operator and an API, and leave them running
	$(SETUP)
	$(RUN) ape run up $(ARGS)

down: ## end what `make up` started, and nothing else
	$(RUN) cairn down

gas: ## print what each public operation costs, on Ethereum's schedule and by IoTeX's formula
	$(SETUP)
	$(RUN) ape run gas $(ARGS)

kubo: ## build a real IPFS node for the tests; wants Go
	@tools/kubo/build.sh

bench-inference: ## gas, loss, exactness and speed of integer programs; the last line is JSON
	$(SETUP)
	$(RUN) python tools/bench_inference.py $(ARGS)

bench-data: ## packets and leaves a second, and the gas of sensors and batches; wants 0.7 GB
	$(SETUP)
	$(RUN) ape run bench_data $(ARGS)

bench-governance: ## what governing costs, beside OpenZeppelin's on the same chain; the last line is JSON
	$(SETUP) --dev
	$(RUN) python tools/bench_governance.py $(ARGS)

bench-oracle: ## gas of asking, answering, settling and challenging; the last line is JSON
	$(SETUP)
	$(RUN) ape run bench_oracle $(ARGS)

bench-storage: ## MB/s of the content store, beside the ipfs command line's; wants Kubo
	$(SETUP)
	$(RUN) python tools/bench_storage.py $(ARGS)

bench-training: ## federated points and seconds beside Flower's; sets Flower up; the last line is JSON
	$(SETUP)
	@$(if $(PYTHON),$(PYTHON) tools/flower_env.py,$(NO_PYTHON))
	$(RUN) python tools/bench_training.py $(ARGS)

flower: ## set up Flower in an environment of its own, for the bench of training and a test
	@$(if $(PYTHON),$(PYTHON) tools/flower_env.py,$(NO_PYTHON))

sim-rounds: ## the aggregation rules against honest and attacking members, as docs/ has them
	$(SETUP)
	$(RUN) python tools/sim_rounds.py $(ARGS)

soak-ingest: ## kill the ingester fifty times under load; CAIRN_SOAK_KILLS and CAIRN_SOAK_SEED change that
	$(SETUP)
	@CAIRN_SOAK_KILLS=$${CAIRN_SOAK_KILLS:-50} $(PYTHON) tools/run.py python -m pytest -p no:ape_test -q -s \
		--timeout 1800 tests/integration/test_ingest_kill.py $(ARGS)

soak-oracle: ## three operators for ten minutes, one lying, all killed, and the node; CAIRN_SOAK_S shortens it
	$(SETUP)
	@CAIRN_SOAK_S=$${CAIRN_SOAK_S:-600} CAIRN_SOAK_REQUESTS=$${CAIRN_SOAK_REQUESTS:-3000} \
		$(PYTHON) tools/run.py python -m pytest -p no:ape_test -q -s tests/integration/test_oracle_soak.py $(ARGS)

lint: ## format, lint, type and layer checks; changes nothing
	$(SETUP) --lint
	@$(PYTHON) tools/lint.py

format: ## let the formatters have their way
	$(SETUP) --lint
	@$(PYTHON) tools/lint.py --fix

lock: ## resolve the locks anew, as little as possible changed; ARGS=--upgrade for the newest
	@$(if $(PYTHON),$(PYTHON) tools/lock.py $(ARGS),$(NO_PYTHON))

clean: ## end what `make up` left running, and remove what setup, builds and runs made here
	@if ls var/run/*.pid >/dev/null 2>&1; then $(PYTHON) tools/run.py cairn down; fi
	rm -rf .venv .venv-lint .tools node_modules .build var dist offchain/cairn/chain/abi
	rm -rf .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
