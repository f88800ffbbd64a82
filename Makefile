# Everything runs from a virtual environment in .venv, made on first use from the locked packages (rigs/venv.sh).
#   make demo [BUS=kafka|kafka://HOST:PORT] [REPO=DIR] [SVG=FILE]
#   make test | test-fast | lint | docs | locks | clean             PYTHON=… picks the interpreter
#   make bench [NAMES='server-*'] [JSON=FILE] [PAGE=1]

PYTHON ?=
BUS ?=
REPO ?=
SVG ?=
MINUTES ?= 10
SEED ?=
PAIRS ?= 2
CASES ?= 10000
NAMES ?=
JSON ?=
PAGE ?=

RUN := .venv/bin/python
CODE := colearner_ls rigs demo tests

.PHONY: help venv demo test test-fast soak fuzz bench lint docs locks clean
.DEFAULT_GOAL := help

help:
	@echo 'make demo         a coach and a student at work, drawn from what the real programs say (BUS=kafka: over Kafka)'
	@echo 'make test         everything: lint, types, tests, with a real Kafka and a real Neovim'
	@echo 'make test-fast    without Kafka, Neovim and what is slow'
	@echo 'make soak         real work over a real Kafka while all is killed, stopped and cut (MINUTES=10 SEED=n PAIRS=2), then fuzz'
	@echo 'make fuzz         what nobody sane would send, to the server and over Kafka (CASES=10000 of each, SEED=n)'
	@echo 'make bench        what it costs, each figure beside its floor (NAMES: which; JSON: a file; PAGE=1: docs/performance.md)'
	@echo 'make lint         ruff and mypy'
	@echo 'make docs         docs/events.md, lsp.md, cli.md and reliability.md from the code'
	@echo 'make locks        resolve locks/*.txt again (needs uv)'
	@echo 'make clean        remove what was built, fetched and cached'

venv:
	@PYTHON='$(PYTHON)' sh rigs/venv.sh

demo: venv
	@$(RUN) -m demo $(if $(BUS),--bus '$(BUS)') $(if $(REPO),--repo '$(REPO)') $(if $(SVG),--export-svg '$(SVG)')

lint: venv
	@$(RUN) -m ruff check $(CODE)
	@$(RUN) -m ruff format --check $(CODE)
	@$(RUN) -m mypy

test: lint
	@$(RUN) -m rigs.kafka prepare
	@$(RUN) -m rigs.neovim prepare
	$(RUN) -m pytest -q -n 2 --dist loadgroup

test-fast: lint
	$(RUN) -m pytest -q -n 2 --dist loadgroup -m 'not kafka and not neovim and not slow'

soak: venv
	@$(RUN) -m rigs.soak --minutes '$(MINUTES)' --pairs '$(PAIRS)' $(if $(SEED),--seed '$(SEED)')
	@$(MAKE) --no-print-directory fuzz

fuzz: venv
	@$(RUN) -m rigs.fuzz --kafka --cases '$(CASES)' $(if $(SEED),--seed '$(SEED)')

bench: venv
	@$(RUN) -m rigs.bench $(NAMES) $(if $(JSON),--json '$(JSON)') $(if $(PAGE),--page)

docs: venv
	@$(RUN) -m rigs.docs

locks:
	@command -v uv >/dev/null || { echo "colearner: uv is needed to resolve the locks: pipx install uv" >&2; exit 1; }
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		pyproject.toml -o locks/runtime.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		pyproject.toml --group dev -o locks/dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		locks/peers.in -o locks/peers.txt

clean:
	rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache test-artifacts dist build
	find colearner_ls rigs demo tests -name __pycache__ -type d -prune -exec rm -rf {} +
