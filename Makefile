# make demo | demo-corpus | check | test | docs | test-slurm | test-conda | pins | bench | lint | install-profile | documents
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3.11
BIN := .venv/bin
INSTALLED := .venv/.installed
CORES ?= 2

# Bytecode is kept: two workers of the tests, and each process that they start, would compile the same again.
unexport PYTHONDONTWRITEBYTECODE

# make bench-series BENCH='--set epochs=20 --output table.tsv'
.PHONY: check lint-code lint-types lint-rules lint-workflow docs bench-recipe bench-scale bench-series bench-honesty bench-corpus demo demo-corpus test test-xl test-slurm slurm-packages test-conda pins chromium bench lint install-profile documents fuzz test-slow test-kills

# torch first and by its exact version: with a looser range pip chooses a build with gigabytes of CUDA, and DeepSpeed is built against it.
$(INSTALLED): pyproject.toml
	command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed, and '$(PYTHON)' is not on the PATH; name one: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "'$(PYTHON)' is $$($(PYTHON) --version): EpiGPT needs 3.11 (tested), or 3.12 or 3.13 (untested); name one: make PYTHON=/path/to/python3.11"; exit 1; }
	wanted=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	if test -e .venv && test "$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" != "$$wanted"; then \
		echo "The .venv that is here is not of Python $$wanted: it is replaced."; rm -rf .venv; \
	fi
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@

demo: $(INSTALLED)
	$(BIN)/snakemake --cores $(CORES) --configfile config/demo/config.yaml --logger epigpt
	@echo "Open the report: $(CURDIR)/results/index.html"

# A corpus of simulated series and the airway series, a model pretrained on it, fine-tuned on the simulated epilepsy series.
demo-corpus: $(INSTALLED)
	for seed in 2 3 4 5 6; do \
		$(BIN)/epigpt simulate --seed $$seed --accession GSE900000$$seed --output-tables results/demo-corpus/series/$$seed >/dev/null; \
	done
	$(BIN)/snakemake --cores $(CORES) --directory results/demo-corpus --configfile config/demo/corpus/config.yaml
	@echo "What was learnt from what: $(CURDIR)/results/demo-corpus/results/corpus/corpus/tiny/README.md"
	@echo "Open the report: $(CURDIR)/results/demo-corpus/results/index.html"

# Before every commit: linters, types, and the tests that are not marked slow.
check: lint
	$(BIN)/python -m pytest -n $(CORES) --dist worksteal -m "not slow" --durations 10 tests/unit tests/rules tests/security

test: $(INSTALLED)
	$(BIN)/python -m pytest -n $(CORES) --dist worksteal --durations 25

# The pages of docs/ in site/, with the reports of the demo where it was run.
docs: $(INSTALLED) documents
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	$(BIN)/mkdocs build --quiet
	for report in results/*/report.html; do \
		test ! -f "$$report" || cp "$$report" "site/example/$$(basename "$$(dirname "$$report")").html"; \
	done
	@echo "Open the pages: $(CURDIR)/site/index.html"

# A larger share of what `make fuzz` does, always the same.
test-slow: $(INSTALLED)
	EPIGPT_FUZZ_EXAMPLES=100 $(BIN)/python -m pytest tests/fuzz

# Changed files over every reader, for an hour or as FUZZ says; goes on where it was stopped: make fuzz FUZZ='--minutes 300'
fuzz: $(INSTALLED)
	PYTHONPATH=workflow:tests OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz/rounds.py $(FUZZ)

# Ten kills and ten interruptions of a run that has a job of every rule: make test-kills KILLS='--stops 20 --seed 3'
test-kills: $(INSTALLED)
	PYTHONPATH=workflow:tests $(BIN)/python tests/faults/kills.py $(KILLS)

# GPT-2 XL at its full size on two cores: 12 GB of memory, 50 GB of disk under EPIGPT_XL_FOLDER, libaio-dev and a compiler.
test-xl: $(INSTALLED)
	EPIGPT_TEST_XL=1 $(BIN)/python -m pytest -s tests/xl

# Each prints its figures beside the bound that the project promises; one that fails does not keep the others from running.
bench: $(INSTALLED)
	status=0; for script in tests/benchmarks/bench_*.py; do \
		echo "== $$script"; \
		PYTHONPATH=workflow OMP_NUM_THREADS=1 $(BIN)/python "$$script" || status=1; \
	done; exit $$status

# Processor seconds and memory of every stage at 1,000, 10,000 and 100,000 cells; about half an hour on two cores and 2 GB of disk.
bench-scale: $(INSTALLED)
	PYTHONPATH=workflow OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/bench_scale.py --cells 1000 10000 100000 $(BENCH)

# Held-out AUC of every model on real labelled series (test material beside the checkout, EPIGPT_SHARED) and simulated families.
bench-series: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/series.py $(BENCH)

# Held-out AUC with and without pretraining on a corpus, over corpora of growing size; an hour on one core.
bench-corpus: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/corpus.py $(BENCH)

# Peak loss and AUC of whole trainings at several sizes, a flat recipe against the scaled one; minutes on one core.
bench-recipe: $(INSTALLED)
	PYTHONPATH=workflow OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/recipe_sizes.py $(BENCH)

# Share of claims on simulated series with and without a planted effect; hours on one core, goes on where it was stopped.
bench-honesty: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/honesty.py $(BENCH)
# On a real SLURM with virtual nodes, started by the tests and ended by them. It needs root, as its daemons change users.
SLURM_PACKAGES := slurmctld slurmd slurm-client munge slurm-wlm-basic-plugins
test-slurm: $(INSTALLED) slurm-packages
	$(BIN)/python -m pytest tests/slurm

slurm-packages:
	$(call installed,slurmctld,$(SLURM_PACKAGES))

# `snakemake --sdm conda` with a channel made of what is installed here; 10 GB of disk, no conda and no channel needed.
test-conda: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[conda]'
	$(BIN)/python -m pytest tests/conda

# Explicit pin files beside envs/*.yaml, where the channels can be reached.
pins: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[conda]'
	$(BIN)/python -m epigpt.doctor.environment_pins

# For the tests that open the report in a browser; without it they are skipped.
chromium:
	$(call installed,chromium,chromium)

# Debian's packages, where the program is missing and one may install.
define installed
	@if ! PATH="$$PATH:/usr/sbin" command -v $(1) >/dev/null; then \
		if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then echo "$(1) is missing: apt-get install $(2)"; exit 1; fi; \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get install -y -q --no-install-recommends $(2) >/dev/null 2>&1 || { apt-get update -q && apt-get install -y -q --no-install-recommends $(2); }; \
	fi
endef

# Side by side; mypy keeps what it knows in .mypy_cache.
lint: $(INSTALLED)
	$(MAKE) --no-print-directory --jobs $(CORES) --output-sync lint-code lint-types lint-rules lint-workflow

lint-code:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-types:
	$(BIN)/mypy

lint-rules:
	$(BIN)/snakefmt --check Snakefile rules

lint-workflow:
	$(BIN)/snakemake --lint

# `snakemake --profile slurm` looks in the working directory and here, not in profiles/.
install-profile:
	mkdir -p "$${XDG_CONFIG_HOME:-$$HOME/.config}/snakemake"
	ln -sfn "$(CURDIR)/profiles/slurm" "$${XDG_CONFIG_HOME:-$$HOME/.config}/snakemake/slurm"
	@echo "snakemake --profile slurm now works from any directory."

# The files that settings.py is the source of.
documents: $(INSTALLED)
	$(BIN)/python -m epigpt.config.documents
