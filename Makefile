# Set-up and the commands one types. Each target sets up a fresh machine by itself and is quick on one that is set up.
#
#   make search ARGS="--trials 8 --epochs 3"     arguments pass through to `python -m search.run`; a later flag wins
#   make env EXTRAS=gpu                          extras of pyproject.toml on top, several as EXTRAS=gpu,postgres
#   make env PYTHON=python3.12                   another Python

VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/uv/bin/uv
ARGS ?=
EXTRAS ?=
UPGRADE ?=
# The first Python from 3.11 up to 3.13 (TensorFlow has no wheels beyond). 3.11 first: the lock files are made and tested there.
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13; do \
	$$python -c $(SUPPORTED) 2>/dev/null && echo $$python && break; done)
SUPPORTED := 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'
# Debian's packages can be installed by root, or by somebody whom sudo asks no password.
AS_ROOT = if [ "$$(id -u)" = 0 ]; then as_root=; elif sudo -n true 2>/dev/null; then as_root="sudo -n"; else as_root=false; fi
APT = env DEBIAN_FRONTEND=noninteractive apt-get

.DEFAULT_GOAL := help
.PHONY: help env data demo search fast lint test bench lock audit clean

help:  ## this list
	@echo 'make TARGET, where TARGET is one of:'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-10s%s\n", $$1, $$2 }' Makefile

env: $(VENV)/project $(if $(EXTRAS),$(VENV)/extras-$(EXTRAS))  ## virtual environment in .venv with the locked packages and this project; EXTRAS=gpu adds an extra
	@echo "env   ready: $(BIN)/fashion-search --help"

data: $(VENV)/project  ## get and verify Fashion-MNIST
	@code=0; TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m fashion_model.data || code=$$?; \
	[ $$code -eq 4 ] && command -v apt-get >/dev/null || exit $$code; \
	$(AS_ROOT); [ "$$as_root" != false ] || exit $$code; \
	echo "data  installing Debian's package dataset-fashion-mnist"; \
	$$as_root $(APT) update -qq && $$as_root $(APT) install -y -qq dataset-fashion-mnist >/dev/null || exit $$code; \
	$(BIN)/python -m fashion_model.data

demo: data  ## a small real search with its report: two minutes on two quiet cores
	@$(BIN)/python -m search.run --name demo --overwrite --trials 4 --epochs 3 --train-size 5000 --finalists 1 --ablate 0 \
	--retrain-seeds 5 $(ARGS)

search: data  ## search, retrain, report: python -m search.run --trials 50 $(ARGS)
	@$(BIN)/python -m search.run --trials 50 $(ARGS)

fast: $(VENV)/requirements-dev.lock  ## the fast tests: no Ray, no network, tiny images
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not ray and not slow and not lab and not browser and not gpu and not postgres" $(ARGS)

lint: $(VENV)/requirements-dev.lock  ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# Lint first, to fail early. Then every tier in one run, so that the closing line counts them all:
# a test that cannot run on this machine (no root, no browser, no GPU) skips itself and says why. Two files of tests run at
# a time: a third of their time they wait for processes to start. Many tests have clocks, and beside others on a busy machine
# one may miss its own: what failed is told, and run once more with nothing beside it. A fault fails there too.
test: $(VENV)/requirements-dev.lock  ## everything: lint, then every tier of tests that this machine can run
	@$(MAKE) --no-print-directory data
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS) || { code=$$?; [ $$code -eq 1 ] || exit $$code; \
	echo "test  once more, alone: what failed"; $(BIN)/python -m pytest --last-failed $(ARGS); }

bench:  ## what the service does with the hardware, beside others (about an hour on two cores): docs/performance.md
	@$(MAKE) --no-print-directory data env EXTRAS=bench
	@start=$$(date +%s); for benchmark in throughput scale memory time_to_good; do \
	echo "bench $$benchmark"; $(BIN)/python -m benchmarks.$$benchmark $(ARGS) || exit; \
	echo "bench $$((($$(date +%s) - start) / 60)) minutes so far"; done
	@$(BIN)/python -m benchmarks.page

# `make lock` keeps the pins that still fit pyproject.toml; `make lock UPGRADE=--upgrade` takes the newest that fit. uv's
# resolver, in seconds. All configuration is set aside, so that the files depend on PyPI alone and name no index.
LOCK_ENV = env -u PIP_FIND_LINKS -u PIP_INDEX_URL -u PIP_EXTRA_INDEX_URL -u PIP_CONSTRAINT -u UV_DEFAULT_INDEX -u UV_INDEX \
	-u UV_INDEX_URL -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS -u UV_CONSTRAINT PIP_CONFIG_FILE=/dev/null
COMPILE = $(LOCK_ENV) $(UV) pip compile --no-config --quiet $(UPGRADE) --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock"
lock: $(UV)  ## write the three lock files from pyproject.toml (for Python 3.11 on this system)
	@for lock in "requirements.lock pyproject.toml" \
	"requirements-dev.lock --extra dev -c requirements.lock pyproject.toml" "requirements-uv.lock --group uv"; do \
	echo "lock  $${lock%% *}"; $(COMPILE) -o $$lock || exit; done

# Asks PyPI; `make audit ARGS="-s osv"` asks osv.dev. --strict: without it a package that the service does not know, or does
# not answer for, is passed over, and the last line still reads "No known vulnerabilities found". The development lock is
# enough, it holds the other one's pins too (tests/test_packaging.py).
audit:  ## known vulnerabilities of the locked packages (needs pypi.org itself: a mirror may not know them)
	@set -e; tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; $(PYTHON) -m venv "$$tools"; \
	$(LOCK_ENV) "$$tools/bin/python" -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1; \
	"$$tools/bin/pip-audit" --strict --disable-pip --require-hashes --progress-spinner off -r requirements-dev.lock $(ARGS) || { \
	echo "audit did not pass. A package that \"could not be audited\" is neither a finding nor an all-clear: the service knows" \
	"nothing of it, or was not reached. Vulnerable ones: \`make lock UPGRADE=--upgrade\` takes what pyproject.toml allows." >&2; \
	exit 1; }

clean:  ## remove .venv, caches and bytecode; runs/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find fashion_model search cluster reports benchmarks tests -name __pycache__ -type d -prune -exec rm -rf {} +

# A copy of a lock file in .venv says that it is installed: a changed lock file installs again, a touched one does not.
$(VENV)/requirements.lock: requirements.lock | $(BIN)/pip
	@$(call install,requirements.lock)

$(VENV)/requirements-dev.lock: requirements-dev.lock requirements.lock | $(BIN)/pip
	@$(call install,requirements-dev.lock)
	@cp requirements.lock $(VENV)/requirements.lock

# uv takes the versions and hashes of the lock files as pip does, in half the time. It lives in an environment of its own.
# It does not read pip's configuration, so it is given pip's index. Where it fails, pip tries.
$(UV): requirements-uv.lock | $(BIN)/pip
	@test -x $@ && cmp -s $< $(VENV)/uv/$< || { $(PYTHON) -m venv $(VENV)/uv && $(VENV)/uv/bin/python -m pip install --quiet \
	--no-input --disable-pip-version-check --require-hashes -r $< && cp $< $(VENV)/uv/$<; }
	@touch $@

UV_INSTALL = $(MAKE) --no-print-directory $(UV) && UV_DEFAULT_INDEX=$${UV_DEFAULT_INDEX:-$$(\
	$(BIN)/python -m pip config get global.index-url 2>/dev/null || echo "$$PIP_INDEX_URL")} \
	$(UV) pip install --quiet --python $(BIN)/python
PIP_INSTALL = $(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check

# Bytecode is compiled here, on every core and whatever PYTHONDONTWRITEBYTECODE says: without it each import of TensorFlow
# costs 16 CPU-seconds. compileall's exit status is left out: some packages ship templates that are no Python.
install = set -e; cmp -s $(1) $(VENV)/$(1) && touch $(VENV)/$(1) && exit 0; \
	start=$$(date +%s); \
	echo "env   $$(grep -c == $(1)) packages of $(1): 3 GB in .venv, one to five minutes"; \
	{ $(UV_INSTALL) --require-hashes -r $(1); } || { \
	echo "env   uv could not install them: its message is above. Now pip tries."; \
	$(PIP_INSTALL) --no-compile --require-hashes -r $(1); } || { \
	echo "The packages of $(1) could not be installed: pip's message is above. Received Python: $$($(BIN)/python -V)." \
	"Check the connection to the package index, or try \`make clean\` first." >&2; exit 1; }; \
	$(BIN)/python -m compileall -q -q -j 0 $(VENV)/lib || true; \
	cp $(1) $(VENV)/$(1); echo "env   ready in $$(($$(date +%s) - start)) s"

# The project itself, as it is in this folder: `import search` and the command fashion-search, from anywhere.
$(VENV)/project: pyproject.toml $(VENV)/requirements.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable . && touch $@

# Extras are not in the lock files: they come in the newest versions that pyproject.toml allows and the lock agrees with.
$(VENV)/extras-%: $(VENV)/requirements.lock pyproject.toml
	@set -e; echo "env   extras $*"; grep -oE '^[A-Za-z0-9._-]+==[^ ;]+' requirements.lock > $(VENV)/versions.txt; \
	$(BIN)/python -c 'import sys, tomllib; \
	extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; \
	names = sys.argv[1].split(","); unknown = sorted(set(names) - set(extras)); \
	unknown and sys.exit(f"EXTRAS takes names of pyproject.toml. Received {unknown}. Give any of {sorted(extras)}."); \
	print("\n".join(line for name in names for line in extras[name]))' '$*' > $(VENV)/extras.txt; \
	$(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check -c $(VENV)/versions.txt -r $(VENV)/extras.txt; \
	touch '$@'

# pip comes last when a virtual environment is made, so that it stands for a whole one.
$(BIN)/pip:
	@'$(PYTHON)' -c $(SUPPORTED) 2>/dev/null || { \
	echo "This project needs Python 3.11, 3.12 or 3.13. Received: $$('$(or $(PYTHON),python3)' -V 2>&1 || true)." \
	"Install one (Debian 12: apt-get install python3 python3-venv) or name it: make env PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { $(AS_ROOT); \
	command -v apt-get >/dev/null && [ "$$as_root" != false ] && echo "env   installing Debian's package python3-venv" \
	&& $$as_root $(APT) update -qq && $$as_root $(APT) install -y -qq python3-venv >/dev/null; } || { \
	echo "Making a virtual environment needs Python's module ensurepip. Received: $(PYTHON) without it." \
	"Run as root: apt-get install python3-venv" >&2; exit 1; }
	@echo "env   virtual environment in $(VENV) ($$($(PYTHON) -V))"
	@$(PYTHON) -m venv $(VENV)
