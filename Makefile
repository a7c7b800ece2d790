# Everything the project can do on one machine. `make help` lists it.
#
# Three virtual environments, so that each stays honest:
#   .venv        what a user has: the base install, no torch. `make demo` runs here; `make gpu` changes it.
#   .venv-test   the base install plus the extras that tests, checks and benchmarks need.
#   .venv-bench  what `make bench-encode` compares with, too: fastembed; and Infinity, which needs a place of its own.
# A stamp file in each says which inputs it was made from; without a change, `make` finds nothing to do.

PYTHON    ?= python3
VENV      ?= .venv
TEST_VENV ?= .venv-test
BENCH_VENV ?= .venv-bench
# More arguments for pytest: make test PYTEST_ARGS="-k threads". Two workers, because most tests keep one core busy,
# and more would each load a model; a module's tests stay together. To debug: PYTEST_ARGS="-n 0 -k threads"
PYTEST_ARGS ?=
# More arguments for a benchmark: make bench-encode BENCH_ARGS="--model e5-small --workload leads"
BENCH_ARGS ?=

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

INPUTS     := pyproject.toml constraints.txt
BASE_STAMP := $(VENV)/.installed
TEST_STAMP := $(TEST_VENV)/.installed
BENCH_STAMP := $(BENCH_VENV)/.installed
GPU_MARK   := $(VENV)/.gpu-extra
# benchmarks/bench_encode.py is run by `make bench-encode`, and all of them by `make bench`.
BENCHES    := $(patsubst benchmarks/bench_%.py,bench-%,$(wildcard benchmarks/bench_*.py))
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests start some hundred processes: without compiled modules each compiles all that it imports, 2 s every time.
unexport PYTHONDONTWRITEBYTECODE

# onnxruntime and onnxruntime-gpu write the same files: with both installed, the one written last wins without a word.
# So both go, and the GPU wheel comes back alone, in the version that was resolved together with its CUDA libraries.
define swap_onnxruntime
gpu_version=$$($(VENV)/bin/python -c 'from importlib.metadata import version; print(version("onnxruntime-gpu"))'); \
$(VENV)/bin/pip uninstall --quiet --yes onnxruntime onnxruntime-gpu; \
$(VENV)/bin/pip install --quiet --no-deps "onnxruntime-gpu==$$gpu_version"
endef

.PHONY: help install demo test check bench $(BENCHES) soak fuzz gpu gpu-plan gpu-check lock clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | column -t -s '|'

install: $(BASE_STAMP)  ## the base install in .venv (no torch)

$(BASE_STAMP): $(INPUTS)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed, $(PYTHON) is another: make PYTHON=python3.12 ..." >&2; exit 2; }
	@echo "Installing into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@echo '*' > $(VENV)/.gitignore
	@if [ -s $(GPU_MARK) ]; then \
	  $(VENV)/bin/pip install --quiet -c constraints.txt -e ".[$$(cat $(GPU_MARK))]"; $(swap_onnxruntime); \
	else \
	  $(VENV)/bin/pip install --quiet -c constraints.txt -e .; \
	fi
	@touch $@

$(TEST_STAMP): $(INPUTS)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed, $(PYTHON) is another: make PYTHON=python3.12 ..." >&2; exit 2; }
	@echo "Installing with the test and export extras into $(TEST_VENV) ..."
	@$(PYTHON) -m venv $(TEST_VENV)
	@echo '*' > $(TEST_VENV)/.gitignore
	@$(TEST_VENV)/bin/pip install --quiet --no-compile -c constraints.txt -e '.[dev,export,fulltext,minilm,openvino,plot,postgres]'
	@touch $@

demo: $(BASE_STAMP)  ## sample feeds of one invented day become stories, with the reason of each join
	@PATH="$(abspath $(VENV))/bin:$$PATH" bash examples/demo.sh

test: $(TEST_STAMP)  ## the whole test suite
	@$(TEST_VENV)/bin/python -m pytest -n 2 --dist loadscope $(PYTEST_ARGS)

check: $(TEST_STAMP)  ## lint, formatting, types, import rules
	$(TEST_VENV)/bin/ruff check
	$(TEST_VENV)/bin/ruff format --check
	$(TEST_VENV)/bin/mypy
	$(TEST_VENV)/bin/lint-imports --no-cache

bench: $(BENCHES)  ## every benchmark in benchmarks/
	@[ -n "$(BENCHES)" ] || { echo "no benchmarks/bench_*.py here" >&2; exit 2; }

$(filter-out bench-encode bench-extract bench-ingest bench-quality,$(BENCHES)): bench-%: $(TEST_STAMP)
	$(TEST_VENV)/bin/python benchmarks/bench_$*.py $(BENCH_ARGS)

# Peers of the encoder stay out of the test environment. Where Infinity cannot be installed, the table says so.
bench-encode: $(BENCH_STAMP)
	$(BENCH_VENV)/bin/python benchmarks/bench_encode.py $(BENCH_ARGS)

bench-extract: $(BENCH_STAMP)
	@$(BENCH_VENV)/bin/pip install --quiet -c constraints.txt -e '.[fulltext,plot]'
	@$(BENCH_VENV)/bin/pip install --quiet -r benchmarks/extract.txt  # newspaper4k wants an older python-dateutil
	$(BENCH_VENV)/bin/python benchmarks/bench_extract.py $(BENCH_ARGS)

bench-ingest: $(BENCH_STAMP)
	@$(BENCH_VENV)/bin/pip install --quiet -c constraints.txt -e '.[plot]' -r benchmarks/ingest.txt
	$(BENCH_VENV)/bin/python benchmarks/bench_ingest.py $(BENCH_ARGS)

soak: $(BENCH_STAMP)  ## ten thousand feeds for twenty minutes: memory stays flat, or it exits with 1
	@$(BENCH_VENV)/bin/pip install --quiet -c constraints.txt -e '.[plot]' -r benchmarks/ingest.txt
	$(BENCH_VENV)/bin/python benchmarks/soak_ingest.py $(BENCH_ARGS)

bench-quality: $(BENCH_STAMP)
	@$(BENCH_VENV)/bin/pip install --quiet --no-deps -r benchmarks/quality.txt
	$(BENCH_VENV)/bin/python benchmarks/bench_quality.py $(BENCH_ARGS)

$(BENCH_STAMP): $(INPUTS) benchmarks/peers.txt benchmarks/infinity.txt
	@echo "Installing the encoder's peers into $(BENCH_VENV) ..."
	@$(PYTHON) -m venv $(BENCH_VENV)
	@echo '*' > $(BENCH_VENV)/.gitignore
	@$(BENCH_VENV)/bin/pip install --quiet -c constraints.txt -e '.[export,openvino,plot]' -r benchmarks/peers.txt
	@$(PYTHON) -m venv $(BENCH_VENV)/infinity
	@$(BENCH_VENV)/infinity/bin/pip install --quiet -r benchmarks/infinity.txt || \
	  { rm -rf $(BENCH_VENV)/infinity; echo "Infinity could not be installed: it is left out" >&2; }
	@touch $@

SECONDS ?= 600
fuzz: $(TEST_STAMP)  ## coverage-guided fuzzing of the JSON Feed reader, normaliser, URLs and dates (SECONDS=600)
	$(TEST_VENV)/bin/python tests/fuzz/fuzz_jsonfeed.py $(SECONDS)

# Which wheels carry code for this card. onnxruntime-gpu 1.27 and later: compute capability 7.5 and CUDA 13, whose oldest
# driver is 580. Up to 1.26.0: from 6.0, CUDA 12. Both numbers can be given by hand where nvidia-smi cannot tell them.
gpu-plan:  ## which GPU extra fits the card and driver (COMPUTE_CAPABILITY=6.1 DRIVER=535.183 to ask for another)
	@capability="$(COMPUTE_CAPABILITY)"; driver="$(DRIVER)"; \
	ask() { nvidia-smi --query-gpu=$$1 --format=csv,noheader 2>/dev/null | grep -E '^[0-9]+\.[0-9]' | sort -V | sed -n 1p || true; }; \
	[ -n "$$capability" ] || capability=$$(ask compute_cap); \
	[ -n "$$driver" ] || driver=$$(ask driver_version); \
	if [ -z "$$capability" ]; then \
	  echo "no NVIDIA GPU found: nvidia-smi tells no compute capability (by hand: make $(or $(MAKECMDGOALS),gpu) COMPUTE_CAPABILITY=6.1)" >&2; exit 2; \
	fi; \
	at_least() { [ "$$(printf '%s\n' "$$2" "$$1" | sort -V | sed -n 1p)" = "$$2" ]; }; \
	if ! at_least "$$capability" 6.0; then \
	  echo "compute capability $$capability is too old: the oldest that works is 6.0 (Pascal)" >&2; exit 2; \
	elif at_least "$$capability" 7.5 && at_least "$${driver:-580}" 580; then echo gpu; \
	else echo gpu-pascal; fi

gpu:  ## make .venv run the encoder on the NVIDIA card: GTX 10xx wheels or newer ones
	@extra=$$($(MAKE) --no-print-directory --silent gpu-plan); \
	mkdir -p $(VENV); echo "$$extra" > $(GPU_MARK); rm -f $(BASE_STAMP); echo "Installing the extra [$$extra]"
	@$(MAKE) --no-print-directory install
	@$(VENV)/bin/python -c 'import onnxruntime as o; p = o.get_available_providers(); print("onnxruntime", o.__version__, *p); assert "CUDAExecutionProvider" in p, "no CUDA provider"'

gpu-check:  ## the checks that need an NVIDIA card; without one, says so and exits with 2
	@$(MAKE) --no-print-directory --silent gpu-plan > /dev/null
	@[ -s $(GPU_MARK) ] || { echo "the GPU wheels are not installed in $(VENV): run 'make gpu' first" >&2; exit 2; }
	@$(MAKE) --no-print-directory install
	@$(VENV)/bin/pip install --quiet -c constraints.txt pytest pytest-timeout
	@$(VENV)/bin/python -m pytest tests/gpu $(PYTEST_ARGS)

lock: $(TEST_STAMP)  ## write constraints.txt anew: the newest versions that fit together, Python 3.11 to 3.13
	@{ sed '/^#/!Q' constraints.txt; \
	   $(TEST_VENV)/bin/uv pip compile pyproject.toml --quiet --universal --upgrade --python-version 3.11 \
	     --extra dev --extra export --extra fulltext --extra minilm --extra openvino --extra plot --extra postgres \
	     --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	   | grep -vE '^(nvidia-|cuda-|triton==)'; } > constraints.new
	@mv constraints.new constraints.txt

clean:  ## remove the environments and every cache of this folder
	rm -rf $(VENV) $(TEST_VENV) $(BENCH_VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
