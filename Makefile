# Two commands do everything on a fresh machine: `make shell` and `make test`.
# ARGS go to the program behind: make test ARGS="-k tcp", make shell ARGS=script.netsh

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CODE    = $(wildcard stack commands netsh tests bench)
DEBS   := iproute2 curl traceroute netcat-openbsd tcpdump iputils-ping tmux frr libatomic1 tshark chromium iperf3 ethtool
# RUNLEVEL=1: no service is started by being installed
APT    := RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends --no-upgrade -o DPkg::Lock::Timeout=60
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable

.PHONY: shell test check lint types bench fuzz venv debs peers clean

shell: $(VENV)/.shell
	@exec $(BIN)/netsh $(ARGS)

test: venv debs
	@exec $(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal $(ARGS)

check: lint types

lint: venv
	@$(BIN)/ruff check $(CODE)

types: venv
	@$(BIN)/mypy $(CODE)

bench: venv
	@exec $(BIN)/python -m bench $(ARGS)

fuzz: venv
	@exec $(BIN)/python -m bench.fuzz $(ARGS)

venv: $(VENV)/.dev

# What the interop tests talk to.  Without them (or without root) those tests say so and are skipped.
debs: | $(VENV)/.dev
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! dpkg -s $(DEBS) >/dev/null 2>&1; then \
	    echo "Installing $(DEBS) ..."; \
	    { $(APT) update && $(APT) install $(DEBS); } >$(VENV)/apt.log 2>&1 \
	    || echo "make: could not install them all ($(VENV)/apt.log says why); going on without" >&2; \
	fi

# What bench.performance sets beside ours; without them it says so.
peers: debs
	@$(PIP) '.[all,peers]'
	@$(APT) update >/dev/null && $(APT) install slirp4netns passt mininet bridge-utils >/dev/null

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find $(CODE) -name __pycache__ -prune -exec rm -rf {} +

# $(call install,WITH,WITHOUT): python-pytun is C and may fail to build; all but TAP devices works without it.
define install
@echo "Setting up $(VENV) ..."
@$(PIP) '$(1)' >$(VENV)/pip.log 2>&1 || { $(PIP) '$(2)' && \
    echo "make: no python-pytun, so no TAP devices: it needs a C compiler and Python's headers ($(VENV)/pip.log)" >&2; }
endef

$(VENV)/.shell: pyproject.toml | $(BIN)/python
	$(call install,.[tap],.)
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(call install,.[all],.[dev])
	@touch $@ $(VENV)/.shell

# Debian keeps ensurepip in a package of its own, and `venv` without it leaves half an environment.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	    { echo "make: $(PYTHON) is missing or older than 3.11; name one: make PYTHON=python3.11 ..." >&2; exit 1; }
	@if ! $(PYTHON) -c 'import ensurepip' 2>/dev/null && ! command -v virtualenv >/dev/null && \
	    [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing python3-venv ..."; { $(APT) update && $(APT) install python3-venv; } >/dev/null; \
	fi
	@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then $(PYTHON) -m venv $(VENV); \
	elif command -v virtualenv >/dev/null; then virtualenv --quiet --python=$(PYTHON) $(VENV); \
	else echo "make: $(PYTHON) cannot make environments; as root: apt-get install python3-venv" >&2; exit 1; fi
