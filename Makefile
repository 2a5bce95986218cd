# `make run` and `make test` set up everything they need. Run `make check` before a commit.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
# torch is installed first, on its own, from the index of CPU builds: the default build brings several GB of GPU packages.
# On a machine with a GPU: make run TORCH_INDEX=
TORCH_INDEX ?= --extra-index-url https://download.pytorch.org/whl/cpu --retries 1
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

.PHONY: run test check lint types fast coverage format wheel screenshots audit licences sbom clean

run: $(VENV)/.run
	$(BIN)/rag serve

test: $(VENV)/.test
	$(PYTEST)

check: lint types fast

lint: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	@if [ -x $(BIN)/biome ]; then $(BIN)/biome lint --error-on-warnings; else echo "scripts of the page not checked: biome has no wheel here"; fi

types: $(VENV)/.test
	$(BIN)/mypy

fast: $(VENV)/.test
	$(PYTEST) -m "not slow"

coverage: $(VENV)/.test
	$(PYTEST) --cov --cov-report=term:skip-covered --cov-report=xml

format: $(VENV)/.test
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

wheel: $(VENV)/.test
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

# Known vulnerabilities of the pinned versions. Queries the advisory database of PyPI, so it needs the network.
audit: $(VENV)/.test
	$(PIP) pip-audit
	$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip

# A bill of materials in CycloneDX format, of what is installed to run the program.
sbom: $(VENV)/.run
	$(PYTHON) -m venv $(VENV)/sbom
	$(VENV)/sbom/$(notdir $(BIN))/python -m pip --quiet install "cyclonedx-bom>=7,<8"
	$(VENV)/sbom/$(notdir $(BIN))/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml --output-reproducible -o sbom.json

licences: $(VENV)/.test
	$(BIN)/python .ci/licences.py

screenshots: $(VENV)/.test
	$(BIN)/python docs/screenshots.py

clean:
	rm -rf $(VENV) build dist index/builds index/CURRENT index/FORMER index/embedded.journal index/builder.*

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
