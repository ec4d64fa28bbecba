# Everything a target needs it sets up itself: see `make help`.

PYTHON ?= python3
DEPTH ?= 4
SUITE ?= forky
INNER_TESTS ?= $(patsubst %,tests/integration/test_%.py,engine_settings outward reach standalone workbench)
KIND ?= docker-28.5-containerd
ENGINE_TESTS ?= tests/integration/test_descent.py tests/integration/test_detached.py
WORKERS ?= 3
MINUTES ?= 10
PREFIX ?= /usr/local
JOB_SUITE ?= trixie
BIN := .venv/bin
PYTHON_HERE := $(CURDIR)/$(BIN)/python
# Each worker of pytest-xdist is a process in namespaces of its own, which only root can make.
ISOLATED := $(if $(filter 0,$(shell id -u)),--dist=worksteal --tx='$(WORKERS)*popen//python=$(PYTHON_HERE) -m tests.isolated -- $(PYTHON_HERE)')

# Tests start `inception` a thousand times: without byte code each start would compile all of it.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test test-disk test-unit test-integration test-vm test-engines engine-table test-inner test-engine-chain fuzz test-public check docs man install uninstall release-check sbom deb test-deb test-gitlab recordings bench profile bench-deep image venv clean host-packages

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: host-packages .venv/run.stamp ## Descend DEPTH (4) levels: a shell at the bottom
	$(BIN)/inception --depth $(DEPTH)

test: test-disk ## Run all tests but those in a virtual machine; as root, WORKERS (3) at once in isolation
	$(BIN)/pytest $(ISOLATED) $(TESTS)

test-disk: host-packages .venv/dev.stamp
	$(if $(ISOLATED),$(BIN)/python -m tests.isolated)

test-unit: .venv/dev.stamp ## Run the tests that need no engine
	$(BIN)/pytest tests/unit tests/property

fuzz: .venv/dev.stamp ## Feed the readers of what levels write with random input for MINUTES (10)
	$(BIN)/python -m tests.fuzz $(MINUTES)

test-integration: host-packages .venv/dev.stamp ## Run the tests on real engines
	$(BIN)/pytest tests/integration

test-vm: host-packages .venv/dev.stamp ## Run the tests on a second kernel, in an emulated machine
	@.ci/host-packages vm
	$(BIN)/pytest tests/vm

test-engines: host-packages .venv/dev.stamp ## Run the main tests with another engine at level 0 (KIND)
	$(BIN)/python -m tests.isolated -- $(BIN)/python -m tests.engines $(KIND) -- $(BIN)/pytest $(ENGINE_TESTS)

engine-table: host-packages .venv/dev.stamp ## Try each engine outside with each engine inside
	$(BIN)/python -m tests.engines.table

test-inner: host-packages .venv/dev.stamp ## Run what depends on the engine with another Docker in the levels (SUITE)
	$(BIN)/python -m tests.inner --suite $(SUITE) -- $(BIN)/pytest $(INNER_TESTS)

test-public: host-packages .venv/dev.stamp ## Run public test suites at levels 0, 1 and 4, and compare (PUBLIC: all)
	$(BIN)/python -m tests.public $(PUBLIC)
test-engine-chain: host-packages .venv/dev.stamp ## Nest Dockers of three Debian releases in one another, as root
	$(BIN)/python -m tests.isolated -- $(BIN)/pytest tests/engine_chain

check: .venv/dev.stamp ## Lint, check format, types and imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

docs: .venv/docs.stamp ## Make the manual: build/site/index.html
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/site

man: .venv/docs.stamp ## Make the man pages and the shells' completions: build/share
	$(BIN)/sphinx-build -q -W -b man -d build/doctrees-man docs build/share/man/man1
	$(BIN)/python -m docs.tools.completions $(BIN)/inception build/share

install: man ## Install into PREFIX (/usr/local), with man pages and completions
	$(PYTHON) -m venv --clear $(PREFIX)/lib/inception
	$(PREFIX)/lib/inception/bin/pip install -qq --disable-pip-version-check '.[tls]'
	@mkdir -p $(PREFIX)/bin
	ln -sf ../lib/inception/bin/inception $(PREFIX)/bin/inception
	cd $(PREFIX)/lib/inception/share && find . -type f | while read -r file; do \
		mkdir -p "$(PREFIX)/share/$${file%/*}" && ln -sf "$(PREFIX)/lib/inception/share/$$file" "$(PREFIX)/share/$$file"; done

uninstall: ## Remove what make install put into PREFIX (chains, images and state stay)
	find $(PREFIX)/bin $(PREFIX)/share -lname '*lib/inception/*' -delete
	rm -rf $(PREFIX)/lib/inception

release-check: .venv/release.stamp ## Build the packages twice, compare, install and run them: dist
	$(BIN)/python -m tests.release

sbom: host-packages .venv/dev.stamp ## Write the bill of materials of the level image: dist/level-image.cdx.json
	$(BIN)/python -m tests.release.sbom dist/level-image.cdx.json

deb: release-check ## Make a Debian package of the release: dist/inception_*.deb
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) .ci/make-deb dist/inception_dind-*.whl dist

test-deb: host-packages ## Install, run and remove the Debian package in a Debian 13 root, as root
	$(BIN)/python -m tests.isolated -- sh tests/release/deb_in_root.sh dist/inception_*.deb /var/tmp

test-gitlab: host-packages ## Do the manual's GitLab job in a root of Debian JOB_SUITE (trixie), with the release in dist, as root
	$(BIN)/python -m tests.isolated -- sh tests/release/gitlab_job_in_root.sh dist/inception_dind-*.whl /var/tmp $(JOB_SUITE)

recordings: host-packages .venv/dev.stamp ## Record the manual's pictures of the terminal from real runs
	$(BIN)/python -m docs.tools.record

bench: host-packages .venv/dev.stamp ## Measure levels against the floor and the naive way
	$(BIN)/python -m tests.bench

profile: .venv/dev.stamp ## Show where a level's time goes, as root: phases, programs, synced writes, imports
	@.ci/host-packages strace
	$(BIN)/python -m tests.bench.profile

bench-deep: host-packages .venv/dev.stamp ## Descend 128 levels once: what a level costs at each depth
	$(BIN)/inception stress --max-depth 128 --output bench-deep

image: host-packages .venv/run.stamp ## Build the level image
	$(BIN)/inception image build

venv: .venv/dev.stamp ## Make .venv with the program and the development tools

host-packages:
	@.ci/host-packages

# The virtual environment follows pyproject.toml; the program in it is this checkout.
.venv/pyvenv.cfg: | host-packages
	$(PYTHON) -m venv .venv

.venv/run.stamp: pyproject.toml .venv/pyvenv.cfg
	$(BIN)/pip install -qq --disable-pip-version-check --editable .
	@touch $@

.venv/dev.stamp: pyproject.toml .venv/run.stamp
	$(BIN)/pip install -qq --disable-pip-version-check --editable '.[dev]'
	@touch $@

.venv/release.stamp: pyproject.toml .venv/docs.stamp
	$(BIN)/pip install -qq --disable-pip-version-check --editable '.[release]'
	@touch $@

.venv/docs.stamp: pyproject.toml .venv/run.stamp
	$(BIN)/pip install -qq --disable-pip-version-check --editable '.[docs]'
	@touch $@

clean: ## Remove what make made in this directory (images and running chains stay)
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist bench.json bench-deep
	find inception tests -name __pycache__ -type d -prune -exec rm -rf {} +
