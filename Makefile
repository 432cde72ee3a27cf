# Every command sets up what it needs; the second time it starts at once.
PYTHON ?= python3
RESULTS ?= results/mine# git ignores it; RESULTS=results renews what the repository shows
BIN := .venv/bin
OLDEST := $(shell sed -n 's/.*"transformers>=\(.*\)",.*/\1/p' pyproject.toml)
unexport PYTHONDONTWRITEBYTECODE # where it is set, every start would compile all that it imports once more

.PHONY: help run site live sweeps test oldest lab bench setup clean
help:
	@echo "make run    every numbered notebook through papermill into $(RESULTS)/"
	@echo "make site   what make run wrote as a folder of pages, site/index.html"
	@echo "make live   the same with the page that has the model in it, served here; requires npm once"
	@echo "make sweeps the many settings behind results/findings.md: four hours on two cores, resumes; MODEL=gemma-3-270m"
	@echo "make lab    JupyterLab on the notebooks"
	@echo "make test   checks and tests"
	@echo "make oldest tests of the helper with transformers $(OLDEST), the oldest that pyproject.toml allows"
	@echo "make bench  how fast nokens are answered here, beside the article's loop; QUICK=1, CASE=long, CASE=learning, MODEL=gemma-3-270m"
	@echo "make clean  remove the environment and caches (results stay)"

run: setup
	@$(BIN)/nokenlab fetch
	@$(BIN)/nokenlab run --results "$(RESULTS)"
	@echo "What to look at:"
	@echo "  $(RESULTS)/README.md   what each notebook shows: its best figure, its tables"
	@echo "  results/findings.md   which claims hold, over many runs, with intervals"
	@echo "  site/index.html       the notebooks as pages with sliders, once 'make site' has written them"
	@echo "and 'make lab' opens the notebooks: change a word and run a cell again."

site: setup
	@$(BIN)/nokenlab site --results "$(RESULTS)"

live: setup
	@$(BIN)/nokenlab site --live --results "$(RESULTS)"
	@echo "look at http://localhost:8000/live/ until Ctrl-C"
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory site 8000 2>/dev/null

lab: setup
	@$(BIN)/nokenlab fetch
	$(BIN)/jupyter lab --ServerApp.ip=127.0.0.1 --ServerApp.root_dir=notebooks

sweeps: setup
	@$(BIN)/nokenlab fetch
	@$(BIN)/nokenlab sweep notebooks/sweeps/*.yaml --results "$(RESULTS)" --workers 2 $(if $(MODEL),--model "$(MODEL)")
	@$(BIN)/nokenlab findings --results "$(RESULTS)"

test: setup
	$(BIN)/ruff check nokenlab notebooks tests
	$(BIN)/ruff format --check nokenlab notebooks tests
	$(BIN)/lint-imports
	$(BIN)/pytest --numprocesses 2 --dist loadfile --durations 15

oldest: setup
	@grep -vE "^(transformers|tokenizers|huggingface_hub)==" constraints.txt > .venv/oldest.txt
	@$(BIN)/pip install --quiet --upgrade --target .venv/oldest --constraint .venv/oldest.txt transformers==$(OLDEST)
	PYTHONPATH=.venv/oldest $(BIN)/pytest tests/test_*.py tests/decode tests/fast tests/models tests/music tests/readout

bench: setup
	@$(BIN)/nokenlab fetch
ifeq ($(CASE),learning)
	$(BIN)/python -m workbook.bench.learning --results "$(RESULTS)/bench" $(if $(QUICK),--quick)
else
	$(BIN)/python -m workbook.bench.decode --results "$(RESULTS)/bench$(MODEL:%=/%)" $(MODEL:%=--model "%") $(if $(QUICK),--quick) $(if $(CASE),--case "$(CASE)")
endif

setup: .venv/ready
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "nokenlab needs Python 3.11 or later: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	@echo "packages are installed into .venv, once; pip says how far it is"
	@# modules are compiled when they are first imported: most of them never are
	@$(BIN)/python -m pip install --no-compile --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@$(BIN)/jupyter labextension disable @jupyterlab/apputils-extension:announcements 2>/dev/null # no question about news
	touch $@

clean:
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache .hypothesis
