# setup, demo and test each work alone in a clean clone; nothing is installed outside this folder.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUST_MINIMUM := 1.88
UV_REQUIREMENT := uv>=0.13,<0.14

# An activated environment elsewhere must not be changed, and no interpreter may be fetched behind the user's back.
unexport VIRTUAL_ENV
export UV_PROJECT_ENVIRONMENT := $(VENV)
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help toolchain setup demo demo-stay test test-rust test-python check check-python check-rust \
	check-definitions long bench clean

help: ## This list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 20

toolchain:
	@bash .ci/toolchain '$(PYTHON)' '$(RUST_MINIMUM)'

$(BIN)/uv: | toolchain
	@if command -v uv >/dev/null; then \
		uv venv --quiet --allow-existing --python '$(PYTHON)' $(VENV) && \
		uv pip install --quiet --python $(BIN)/python '$(UV_REQUIREMENT)'; \
	else \
		$(PYTHON) -m venv $(VENV) && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check '$(UV_REQUIREMENT)'; \
	fi

setup: toolchain $(BIN)/uv ## Build .venv with the locked packages and the native module
	@$(BIN)/uv sync --locked --all-extras --quiet

demo: setup ## Run the main job once over real HTTPS on loopback, show it, end
	@$(BIN)/gateway demo --once

demo-stay: setup ## The same, and stay up
	@$(BIN)/gateway demo

test: test-rust test-python ## All tests: the native core's, then Python's

test-rust: setup
	cargo test --locked --quiet --package gateway-core

test-python: setup
	$(BIN)/pytest

check: check-python check-rust check-definitions long ## Formatting, lints, types, layers, definitions

check-python: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

check-rust: setup
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --quiet -- -D warnings

check-definitions: setup
	$(BIN)/python -m gateway.definitions.dictionary
	$(BIN)/gateway lint

long: setup ## List functions over 70 lines and files over 500: places to look, not faults
	@$(BIN)/python .ci/long.py

bench: setup ## Side-by-side benchmarks; results go to bench/RESULTS.md
	$(BIN)/python bench/run.py

clean: ## Remove everything that the other targets made
	rm -rf $(VENV) target dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -f gateway/_native*.so
	find gateway tests bench certs -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
