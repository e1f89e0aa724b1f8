# Each target makes its own environment in .venv and installs what it needs there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NOTEBOOKS := notebooks/word2vec.ipynb notebooks/classification.ipynb

# Threads that wait should soon sleep: on a busy machine spinning ones take the core from those at
# work. And memory that was freed stays at hand, so that a gradient is not mapped anew at each step.
export GOMP_SPINCOUNT := 10000
export MALLOC_MMAP_THRESHOLD_ := 1073741824
export MALLOC_TRIM_THRESHOLD_ := 1073741824

.PHONY: notebooks test bench lint clean

notebooks: $(VENV)/.installed
	$(BIN)/jupyter execute --inplace --NotebookClient.record_timing=False $(NOTEBOOKS)

test: $(VENV)/.installed
	$(BIN)/python -m pytest
	$(BIN)/python -m pytest --nbval notebooks

bench: $(VENV)/.installed
	$(BIN)/python -m tests.benchmarks.loader

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fast,notebooks,test]'
	touch $@

clean:
	rm -rf $(VENV)
