.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= configs/compact.yaml
GOLD ?= data/zhenggao/validation
MODEL ?=
export HF_HUB_DISABLE_TELEMETRY := 1
export DISABLE_SAFETENSORS_CONVERSION := 1

.PHONY: help setup demo test lint train pretrain evaluate label data bench-text bench-train bench-kills bench-infer bench-serve bench-peers

help:  ## print the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "  make %-14s %s\n", $$1, $$2}'

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, got " + sys.version)'
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

setup: $(VENV)/.ready  ## set up .venv (the other targets do it by themselves)

demo: $(VENV)/.ready  ## run the default model over data/samples: out/demo.jsonl, out/demo.html, a table
	@mkdir -p out
	@$(BIN)/python infer.py data/samples --output out/demo.jsonl --output out/demo.html --table

test: $(VENV)/.ready  ## run the tests, on a CPU, offline
	$(BIN)/python -m pytest

lint: $(VENV)/.ready  ## ruff, mypy and the contract between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

train: $(VENV)/.ready  ## fine-tune: make train [CONFIG=configs/….yaml] [ARGS="optim.lr=1e-5 …"]
	$(BIN)/python train.py $(CONFIG) $(ARGS)

pretrain: CONFIG = configs/pretrain-compact.yaml
pretrain: $(VENV)/.ready  ## pretrain an encoder: make pretrain [CONFIG=…] [ARGS="optim.steps=20000 …"]
	$(BIN)/python -m zhengling.pretraining $(CONFIG) $(ARGS)

data: $(VENV)/.ready  ## check and count data/zhenggao; JSON lines, clean and damaged, in out/data
	@$(BIN)/python -m zhengling.corpus data/zhenggao --output out/data $(ARGS)

bench-text: $(VENV)/.ready  ## restore damaged text, count what came back: benchmarks/text.json, benchmarks/TEXT.md
	$(BIN)/python -m benchmarks.text $(ARGS)

bench-train: $(VENV)/.ready  ## tokens/s of training, ours and the stock recipe: benchmarks/train.json, benchmarks/TRAIN.md
	$(BIN)/python -m benchmarks.train $(ARGS)

bench-kills: $(VENV)/.ready  ## kill runs of infer.py at random and go on with them; lost and doubled records: benchmarks/kills.json
	$(BIN)/python -m benchmarks.kills $(ARGS)

bench-infer: $(VENV)/.ready  ## speed and memory of inference beside the stock pipelines: benchmarks/infer.json, benchmarks/INFER.md
	$(BIN)/python -m benchmarks.infer $(ARGS)

bench-serve: $(VENV)/.ready  ## 64 clients for a minute: benchmarks/serve.json, benchmarks/SERVE.md
	$(BIN)/python -m benchmarks.serve $(ARGS)

bench-peers: $(VENV)/.ready  ## other tools trained and scored beside the default model: benchmarks/RESULTS.md [ARGS="--only zhengling"]
	$(BIN)/python -m pip install --quiet --group peers
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.peers $(ARGS)

evaluate: $(VENV)/.ready  ## score a model: make evaluate [MODEL=folder or name] [GOLD=folder]
	@$(BIN)/zhengling evaluate $(GOLD) $(if $(MODEL),--model $(MODEL)) $(ARGS)

label: OUTPUT ?= out/label
label: $(VENV)/.ready  ## a Label Studio project with the model's answers: make label TEXTS=folder [OUTPUT=out/label] [MODEL=…]
	@$(BIN)/zhengling label $(or $(TEXTS),$(error TEXTS is not set. Expected make label TEXTS=folder)) --output $(OUTPUT) \
		$(if $(MODEL),--model $(MODEL)) $(ARGS)
