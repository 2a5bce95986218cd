# `make run` and `make test` do all the set-up; `make check` is what to run before a commit.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# torch comes first, by itself, from the index of its CPU builds: the one on PyPI drags in several GB of GPU packages.
# On a machine with a GPU: make run TORCH_INDEX=
TORCH_INDEX ?= --extra-index-url https://download.pytorch.org/whl/cpu --retries 1
PIP := $(BIN)/pip --disable-pip-version-check install --quiet

.PHONY: run test check format screenshots audit licences clean

run: $(VENV)/.run
	$(BIN)/rag serve

test: $(VENV)/.test
	$(BIN)/python -m pytest

check: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest -m "not slow"

format: $(VENV)/.test
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Known holes in the pinned versions; asks the advisory database of PyPI, so it needs the network.
audit: $(VENV)/.test
	$(PIP) pip-audit
	$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip

licences: $(VENV)/.test
	$(BIN)/python .ci/licences.py

screenshots: $(VENV)/.test
	$(BIN)/python docs/screenshots.py

clean:
	rm -rf $(VENV) index/builds index/CURRENT index/FORMER index/embedded.journal index/builder.*

$(VENV)/.torch:
	$(PYTHON) -m venv $(VENV)
	$(PIP) --no-deps torch==2.13.0 $(TORCH_INDEX)
	touch $@

$(VENV)/.run: $(VENV)/.torch pyproject.toml constraints.txt
	$(PIP) -e . -c constraints.txt
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(PIP) -e ".[test]" -c constraints.txt
	touch $@
