# Each target makes its own environment in .venv and installs what it needs there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NOTEBOOKS := notebooks/word2vec.ipynb notebooks/classification.ipynb

.PHONY: notebooks test fuzz bench studies report lint clean

notebooks: $(VENV)/.installed
	$(BIN)/jupyter execute --inplace --NotebookClient.record_timing=False $(NOTEBOOKS)
	$(BIN)/python notebooks/pictures.py

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n 2 --dist loadfile
	$(BIN)/python -m pytest --nbval $(NOTEBOOKS)

fuzz: $(VENV)/.installed
	$(BIN)/python -m tests.fuzz

bench: $(VENV)/.benchmarks
	$(BIN)/python -m tests.benchmarks.loader
	$(BIN)/python -m tests.benchmarks.optimisers
	$(BIN)/python -m tests.benchmarks.speed
	$(BIN)/python -m tests.benchmarks.size
	$(BIN)/python -m tests.benchmarks.distributed
	$(BIN)/python -m tests.benchmarks.vectors

studies: $(VENV)/.installed
	$(BIN)/python -m w2v study --name all
	$(BIN)/python -m report.word2vec

report: $(VENV)/.installed
	$(BIN)/python -m report.build

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	mkdir -p build
	sed -n '/^```python$$/,/^```$$/{/^```/!p;}' README.md > build/readme.py
	$(BIN)/pyright --pythonpath $(BIN)/python

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fast,notebooks,report,studies,test]'
	touch $@

$(VENV)/.benchmarks: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	touch $@

$(VENV)/.lint: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[lint]'
	touch $@

clean:
	rm -rf $(VENV)
