# `make` lists what there is. PYTHON is the interpreter .venv is made with; VENV, SEED and
# HAR_DATA_DIR can be set the same way: `make nwucla HAR_DATA_DIR=~/data SEED=1`.
PYTHON ?= python3
VENV ?= .venv
SEED ?= 0

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
RUNS := $(or $(HAR_RUNS_DIR),runs)

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint format-check types imports fast-test nwucla utd_mhad clean

help: ## list the commands
	@sed -n 's/^\([a-z_-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

setup: $(INSTALLED) ## make .venv and install the project with its development tools

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' || { \
	  echo "error: $(PYTHON) is not Python 3.11 or 3.12; name one: make setup PYTHON=python3.12" >&2; \
	  exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -c constraints.txt -e '.[dev]'
	@touch $@

demo: setup ## generate data, train a small model, draw its results
	$(BIN)/python train.py experiment=demo
	@folder=$$(ls -td $(RUNS)/demo/*/ | head -n 1); printf '\nPictures of this run:\n'; \
	find "$$folder" -name '*.png' -o -name '*.gif' | sort | sed 's/^/  /'

test: setup ## run every test, but for those that need a GPU
	$(BIN)/python -m pytest -m "not gpu"

check: lint format-check types imports fast-test ## what a change has to pass: style, types, imports, fast tests

lint: setup
	$(BIN)/ruff check .

format-check: setup
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports --no-logo

fast-test: setup
	$(BIN)/python -m pytest -m "not slow and not gpu"

# $(call train,dataset,raw data below HAR_DATA_DIR): prepare a recorded dataset and train on it.
define train
@test -n "$(HAR_DATA_DIR)" || { \
  echo "error: HAR_DATA_DIR is not set; it is the folder that holds $(2): make $(1) HAR_DATA_DIR=<folder>" >&2; \
  exit 2; }
@test -f "$(HAR_DATA_DIR)/$(2)" || { \
  echo "error: there is no $(HAR_DATA_DIR)/$(2); datasets/$(1)/card.yaml tells how to obtain it" >&2; \
  exit 2; }
$(BIN)/python scripts/prepare_dataset.py dataset=$(1) raw="$(HAR_DATA_DIR)/$(2)"
$(BIN)/python train.py experiment=$(1)_stgcnpp_joint seed=$(SEED)
endef

nwucla: setup ## prepare Northwestern-UCLA from HAR_DATA_DIR and train ST-GCN++ on it
	$(call train,nwucla,nwucla/all_sqe.tar.xz)

utd_mhad: setup ## prepare UTD-MHAD from HAR_DATA_DIR and train ST-GCN++ on it
	$(call train,utd_mhad,utd_mhad/Skeleton.tar.xz)

clean: ## remove caches and build outputs; .venv, data/ and runs/ stay
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +
