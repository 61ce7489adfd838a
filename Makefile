# The commands of this project, each of which sets up what it needs: `make help`.
# Variables: PYTHON (the Python of a new .venv), ARGS (more arguments, for train and test)

RUN := .venv/bin/python
# Two processes, since half of a short test file's time is TensorFlow's own start.
WORKERS ?= 2
PYTEST := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# Every equation, and a step of every method: what breaks most often.
QUICK := tests/equations tests/algorithms tests/tables $(wildcard tests/test_*.py)

# Those that take a minute or two each; benchmarks/README.md tells what they measure.
BENCH := networks step waiting evaluation augmentations copies sizes commands

.DEFAULT_GOAL := help
.PHONY: help install train test test-long test-other test-stacks test-replicas test-beam quick torture docs format check clean FORCE

help: ## say what can be made
	@echo "make TARGET [PYTHON=python3.11] [ARGS='...']"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

install: .venv/installed-test ## make .venv with everything that training needs

train: install ## train RealMix on handwritten digits with 20 labels, in two minutes
	@bin/train_realmix --flagfile=flags/quickstart.flags $(ARGS)

test: install ## run the tests (a part: ARGS="tests/equations -k sharpen")
	@$(RUN) $(if $(ARGS),-m pytest,tools/run_tests.py) $(PYTEST) $(ARGS)

test-long: install ## run the tests that make test leaves out: more of the same, for minutes
	@$(RUN) -m pytest $(PYTEST) -q -m long $(ARGS)

quick: install ## run a good third of the tests, in a minute and a half
	@$(RUN) -m pytest $(PYTEST) -q $(QUICK)

test-other: install ## run a short part of the tests with the other TensorFlow
	@$(RUN) -m tools.stacks.short $(PYTEST) $(ARGS)

test-stacks: install ## compare both TensorFlows: batches, steps, runs (ARGS=--quick)
	@$(RUN) -m tools.stacks $(ARGS)

test-replicas: install ## compare fifty steps on 1, 2 and 4 devices, in five minutes
	@$(RUN) -m tools.replicas --tolerance=1e-5 $(ARGS)

# Beam's own requirements would change what the other tests run with.
test-beam: ## run the tests of --runner with Apache Beam, in .venv-beam (Python 3.10, 3.11)
	@PYTHON="$(PYTHON)" VENV=.venv-beam tools/install.sh test,beam
	@.venv-beam/bin/python -c "import apache_beam" || { \
	    echo "Beam is for Python 3.10 and 3.11: make test-beam PYTHON=python3.11" >&2; \
	    exit 1; }
	@.venv-beam/bin/python -m pytest -q tests/cli/test_beam.py $(ARGS)

torture: install ## kill, damage, fill disks, fuzz: for hours (ARGS="kills damage" for a part)
	@tools/torture/all.sh $(ARGS)

bench: install ## measure speed, in ten minutes on a quiet machine: runs/bench/*.json
	@mkdir -p runs/bench
	@for each in $(BENCH); do echo "$$each"; \
	    $(RUN) benchmarks/$$each.py --json=runs/bench/$$each.json || exit 1; done

docs: .venv/installed-docs ## build the documentation: docs/_build/index.html
	@$(RUN) -m sphinx -q -n -E -W --keep-going -b html docs docs/_build
	@echo "docs/_build/index.html"

format: .venv/installed-dev ## bring the code into its form
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

check: .venv/installed-dev ## look for faults without running: ruff and mypy
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy

clean: ## remove .venv, caches and builds; trained runs stay
	@rm -rf .venv .venv-* build dist docs/_build *.egg-info .pytest_cache .ruff_cache .mypy_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp of a finished installation. A named PYTHON is compared with that of .venv.
.venv/installed-%: setup.py constraints.txt tools/install.sh $(if $(PYTHON),FORCE)
	@PYTHON="$(PYTHON)" tools/install.sh $*
	@touch $@

FORCE:
