# make demo: install everything and see the main job on real input.   make test: every test.
# Further: install, check (format, lint, types, imports, unit tests), bench, lock, clean.
PYTHON ?= python3
BIN := .venv/bin
UV := .tools/bin/uv
SOURCE ?=
# The machine's own trust store, as pip and git use it; never a Python from elsewhere.
export UV_PYTHON_DOWNLOADS := never
export UV_SYSTEM_CERTS := true

.PHONY: demo test install check check-types check-rest bench lock clean dev

demo: install
	@$(BIN)/python -m headwater.demo $(if $(SOURCE),--source '$(SOURCE)')

test: dev
	@$(BIN)/pytest

install: .venv/.run

dev: .venv/.dev

# Types take as long as everything else together, so the two run side by side.
check: dev
	@$(MAKE) --no-print-directory --output-sync=target -j2 check-types check-rest

check-types:
	@$(BIN)/mypy

check-rest:
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports
	@$(BIN)/pytest -q tests/unit

bench: dev
	@mkdir -p bench/results
	@$(BIN)/python -m bench

lock: $(UV)
	@$(UV) pip compile -q requirements/uv.in --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -o requirements/uv.lock
	@$(UV) pip compile -q pyproject.toml requirements/build.in --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -o requirements/run.lock
	@$(UV) pip compile -q pyproject.toml requirements/build.in --group dev --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -o requirements/dev.lock

clean:
	@rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis bench/results

# uv installs in seconds what takes pip minutes; where it is missing it is put into a folder of its own.
$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "headwater needs Python 3.11 or newer: make PYTHON=python3.11 ..."; exit 2; }
	@$(PYTHON) -m venv .tools || { echo "this Python has no venv: install it, on Debian and Ubuntu with  apt-get install python3-venv"; exit 2; }
	@.tools/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.lock

.venv/bin/python: $(UV)
	@$(UV) venv -q --allow-existing --python $(PYTHON) .venv

.venv/.run: requirements/run.lock pyproject.toml | .venv/bin/python
	@if [ ! -e .venv/.dev ]; then \
	  echo "installing into .venv: about 2.5 GB to download, 6 GB on disk, most of it torch's CUDA parts (docs/install.md tells how to do without)"; \
	  $(UV) pip sync --require-hashes --python $(BIN)/python requirements/run.lock; fi
	@$(UV) pip install -q --no-deps --no-build-isolation --python $(BIN)/python -e .
	@touch $@

.venv/.dev: requirements/dev.lock pyproject.toml | .venv/bin/python
	@echo "installing into .venv what running and testing need: about 2.5 GB to download, 6 GB on disk, most of it torch's CUDA parts"
	@$(UV) pip sync --require-hashes --python $(BIN)/python requirements/dev.lock
	@$(UV) pip install -q --no-deps --no-build-isolation --python $(BIN)/python -e .
	@touch .venv/.run $@
