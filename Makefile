# `make demo` shows the sync at work, `make test` tests it; both set up what they need.

SHELL := /bin/bash
BIN := .venv/bin
UV := $(BIN)/uv

# Tests on a cluster that they share run in one process.
JOBS ?= $(if $(TEST_KUBECONFIG),0,2)
TEST = $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile

# The first Python 3.13 of: the PATH, pyenv, uv.
FIND_PYTHON = for python in "$$(command -v python3.13)" "$$(command -v python3)" \
	"$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.13*/bin/python3.13 "$$(uv python find 3.13 2>/dev/null)"; do \
	if [ -x "$$python" ] && "$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; \
	then echo "$$python"; exit; fi; done

.PHONY: help demo up shell down test faults operate check lint format docs picture prove mutants fuzz bench soak costs requirements package release bump audit licences clean

help: ## Say what there is
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: .venv/ready ## Show the sync at work on this machine, end to end
	@$(BIN)/python -m local demo

up: .venv/ready ## Start the local stack and leave it running; prints what to type
	@$(BIN)/python -m local up

shell: .venv/ready ## Enter a shell with the running stack's environment; `exit` leaves it
	@$(BIN)/python -m local shell

down: .venv/ready ## Stop the local stack
	@$(BIN)/python -m local down

test: .venv/ready ## Run the tests, in JOBS=2 processes
	@$(TEST)

faults: .venv/ready ## Try every fault of every remote call, and write docs/faults.md
	@$(BIN)/python -m tests.functional.faults

operate: .venv/ready ## Stage why a secret does not arrive, and a rotation; write what shows into docs/operate.md, docs/compare.md
	@$(BIN)/python -m tests.functional.causes
	@$(BIN)/python -m tests.functional.rotation

check: lint ## Lint, types, layers, and the tests with a report of their coverage
	@$(TEST) --cov --cov-report=term

lint: .venv/ready
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache >/dev/null || $(BIN)/lint-imports --no-cache
	@$(UV) lock --check --quiet
	@$(UV) $(EXPORT) | diff requirements.txt - || { echo "requirements.txt is stale: make requirements"; exit 1; }

format: .venv/ready ## Format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

docs: .venv/ready ## Write the settings, the reasons and the HTTP API into the documents, from the code
	@$(BIN)/python -m tests.docs

picture: .venv/ready ## Run the demo, and draw docs/demo.svg of what it prints
	@$(BIN)/python -m tests.docs.picture

prove: .venv/ready ## Run 10,000 random histories of the sync over the emulators
	@$(BIN)/python -m tests.model prove

mutants: .venv/ready ## Break the protocol in many ways and see that each is caught
	@$(BIN)/python -m tests.model mutants --write

fuzz: .venv/ready ## Fuzz every parser, SECONDS=20 each; inputs that break one are kept and replayed by the tests
	@$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),20) $(TARGETS)

bench: .venv/ready ## Measure against floors of the same run
	@$(BIN)/python -m bench

soak: .venv/ready ## Let it run under load and faults for an hour, or SECONDS=300; see what is left
	@$(BIN)/python -m bench.soak --seconds $(or $(SECONDS),3600)

costs: .venv/ready ## Compute what it costs a month, from measured calls and stated prices
	@$(BIN)/python -m bench.costs

EXPORT = export --quiet --locked --no-dev --no-emit-project --no-header --no-annotate --format requirements-txt

requirements: .venv/ready ## Compile requirements.txt, what Azure installs, from the lock
	@$(UV) $(EXPORT) > requirements.txt

package: .venv/ready ## Build dist/app and dist/keyvault-sync.zip, what is deployed, and the bill of materials; PLACEMENTS=FILE.json goes in
	@$(BIN)/python -m infra.package $(if $(PLACEMENTS),--placements "$(PLACEMENTS)")

release: .venv/ready ## Make dist/release: zip, bill, wheel, ARM template (BICEP names the compiler) and SHA-256 sums; TAG=v1.2.3 must fit
	@$(BIN)/python -m infra.release build $(if $(TAG),--tag "$(TAG)")

bump: .venv/ready ## Write a new version everywhere, VERSION=1.2.3
	@$(BIN)/python -m infra.release bump "$(VERSION)"

audit: .venv/ready ## Look for known vulnerabilities in what is deployed
	@$(BIN)/python -m infra.audit $(AUDIT)

licences: .venv/ready ## List the licences of what is deployed in docs/licences.md
	@$(BIN)/python -m infra.licences

clean: ## Remove what was set up and cached
	rm -rf .venv .local .cache/azurite .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage dist

# Microsoft's emulator of blobs, for the tests of the container of dead letters; needs node and npm.
.cache/azurite/ready: tests/azurite/package.json tests/azurite/package-lock.json
	@mkdir -p $(@D) && cp tests/azurite/package.json tests/azurite/package-lock.json $(@D)
	@cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

.venv/ready: pyproject.toml uv.lock infra/uv.txt .python-version
	@python=$$($(FIND_PYTHON)); \
	if [ -z "$$python" ]; then \
		echo "Python 3.13 was not found on the PATH, in pyenv or in uv. Install it, for example with" >&2; \
		echo "  pyenv install 3.13     or     uv python install 3.13     or     apt-get install python3.13-venv" >&2; \
		exit 1; \
	fi; \
	echo "Setting up .venv with $$python …"; \
	"$$python" -m venv --clear .venv && \
	echo "Installing uv …" && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
		--requirement infra/uv.txt && \
	echo "Installing the $$(grep -c '^\[\[package\]\]' uv.lock) packages of uv.lock …" && \
	$(UV) sync --quiet --locked --inexact --python $(BIN)/python
	@touch $@
