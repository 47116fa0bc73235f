# make demo: install everything and see the main job on real input.   make test: every test.
# Further: install, install-cluster, check (format, lint, types, imports, unit tests), bench, lock, cluster, clean.
PYTHON ?= python3
BIN := .venv/bin
UV := .tools/bin/uv
SOURCE ?=
SYNC := $(UV) pip sync --require-hashes --python .venv/bin/python
COMPILE := $(UV) pip compile -q pyproject.toml requirements/build.in --generate-hashes --no-emit-index-url --no-header --python-version 3.11
# The machine's own trust store, as pip and git use it; never a Python from elsewhere.
export UV_PYTHON_DOWNLOADS := never
export UV_SYSTEM_CERTS := true

.PHONY: demo test install check check-types check-rest bench lock clean dev kafka cluster install-cluster headwater-toml

demo: install
	@$(BIN)/python -m headwater.demo $(if $(SOURCE),--source '$(SOURCE)')

# Most of the time tests wait for processes they started, so two files at a time run side by side: in order of their names,
# since the slow ones come first then and do not run alone at the end.
test: dev kafka
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

# The deployed topology as processes on this machine, from headwater.toml here: make cluster CLUSTER='--workers 1'
cluster: headwater-toml dev kafka
	@$(BIN)/python -m headwater.cluster $(CLUSTER)

# Before anything is downloaded for it: whether the file that names the sources is there.
headwater-toml:
	@set -- $(CLUSTER); file=headwater.toml; while [ $$# -gt 0 ]; do \
	  case "$$1" in -h|--help) exit 0;; --config) file="$$2";; --config=*) file="$${1#--config=}";; esac; shift; done; \
	[ -f "$$file" ] || { \
	  echo "headwater: $$file: no such file; it names the sources, see docs/reference/configuration.md"; exit 2; }

install: .venv/.run

install-cluster: .venv/.cluster

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
	@$(BIN)/pytest -q -n 2 tests/unit

bench: dev kafka
	@mkdir -p bench/results
	@$(BIN)/python -m bench

# What runs is what was tested: the other locks take their versions from that of the developers.
lock: $(UV)
	@$(UV) pip compile -q requirements/uv.in --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -o requirements/uv.lock
	@$(COMPILE) --extra cluster --extra local --group dev -o requirements/dev.lock
	@$(COMPILE) --extra cluster -c requirements/dev.lock -o requirements/cluster.lock
	@$(COMPILE) --extra local -c requirements/dev.lock -o requirements/run.lock

clean:
	@rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis bench/results

# The broker of the tests and of `make cluster`, from Maven Central.
kafka: .tools/kafka/.ready

.tools/kafka/.ready: requirements/kafka/pom.xml
	@command -v java >/dev/null && command -v mvn >/dev/null || { \
	  get="apt-get install -y --no-install-recommends openjdk-17-jre-headless maven"; \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "the broker needs Java and Maven: $$get"; \
	    { apt-get update -qq && $$get; } >/dev/null; \
	  else echo "the broker needs Java 17 and Maven; on Debian and Ubuntu:  sudo $$get"; exit 2; fi; }
	@echo "copying the Kafka broker into .tools/kafka: about 45 MB"
	@rm -rf .tools/kafka && { told="$$(mvn -q -B -f requirements/kafka/pom.xml dependency:copy-dependencies \
	  -DoutputDirectory='$(CURDIR)/.tools/kafka' 2>&1)" || { printf '%s\n' "$$told"; exit 2; }; } # -q leaves escape codes
	@touch $@

# uv installs in seconds what takes pip minutes; where it is missing it is put into a folder of its own.
$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "headwater needs Python 3.11 or newer: make PYTHON=python3.11 ..."; exit 2; }
	@$(PYTHON) -m venv .tools || { echo "this Python has no venv: install it, on Debian and Ubuntu with  apt-get install python3-venv"; exit 2; }
	@.tools/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.lock

.venv/bin/python: $(UV)
	@$(UV) venv -q --allow-existing --python $(PYTHON) .venv

# What one of these has installed stays when another comes: each syncs with the locks of those before it too.
.venv/.run: requirements/run.lock pyproject.toml | .venv/bin/python
	@if [ ! -e .venv/.dev ]; then \
	  echo "installing into .venv: about 2.5 GB to download, 6 GB on disk, most of it torch's CUDA parts (docs/install.md tells how to do without)"; \
	  $(SYNC) requirements/run.lock $$([ ! -e .venv/.cluster ] || echo requirements/cluster.lock); fi
	@$(UV) pip install -q --no-deps --no-build-isolation --python $(BIN)/python -e .
	@touch $@

.venv/.cluster: requirements/cluster.lock pyproject.toml | .venv/bin/python
	@if [ ! -e .venv/.dev ]; then \
	  $(SYNC) requirements/cluster.lock $$([ ! -e .venv/.run ] || echo requirements/run.lock); fi
	@$(UV) pip install -q --no-deps --no-build-isolation --python $(BIN)/python -e .
	@touch $@

.venv/.dev: requirements/dev.lock pyproject.toml | .venv/bin/python
	@echo "installing into .venv what running and testing need: about 2.5 GB to download, 6 GB on disk, most of it torch's CUDA parts"
	@$(SYNC) requirements/dev.lock
	@$(UV) pip install -q --no-deps --no-build-isolation --python $(BIN)/python -e .
	@touch .venv/.run .venv/.cluster $@
