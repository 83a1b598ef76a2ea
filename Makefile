# make demo: set up, run the main job on a sample film.  make test: set up, run the tests.  make app: open the page.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
RUN_ENV := HF_HUB_OFFLINE=1 GRADIO_ANALYTICS_ENABLED=False
# Gradio takes four seconds to compile; so that is done once, at setup, also where Python is told to keep no bytecode.
export UV_COMPILE_BYTECODE := 1

.PHONY: setup setup-dev demo test test-full app gpu lint docs bench clean

setup: .venv/.ready
setup-dev: .venv/.ready-dev

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Facecrop needs Python 3.11 or newer; try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

.venv/.ready: pyproject.toml uv.lock | $(UV)
	$(UV) sync --quiet --frozen --inexact --no-default-groups
	@$(BIN)/python -m compileall -q app.py facecrop_core facecrop_ui
	@touch $@

.venv/.ready-dev: pyproject.toml uv.lock | $(UV)
	$(UV) sync --quiet --frozen --inexact
	@$(BIN)/python -m compileall -q app.py facecrop_core facecrop_ui
	@touch .venv/.ready $@

demo: setup
	$(RUN_ENV) $(BIN)/python scripts/demo.py

app: setup
	$(RUN_ENV) $(BIN)/python app.py

gpu: setup
	$(UV) sync --quiet --frozen --inexact --no-default-groups --extra gpu
	$(BIN)/facecrop doctor

test: setup-dev
	$(RUN_ENV) $(BIN)/python -m pytest -n auto --dist loadfile -m "not slow and not browser"

test-full: setup-dev
	$(RUN_ENV) $(BIN)/python -m pytest -m "slow or browser" --timeout 600

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: setup
	$(BIN)/python -m facecrop_core.settings.docs > docs/settings.md
	$(BIN)/python scripts/robustness.py > docs/robustness.md

FILM ?= ../shared/media/cast_film.mp4
PACK ?= ../shared/models/scrfd_2.5g_mbf
bench: setup-dev
	$(BIN)/python benchmarks/versus_peer.py $(FILM) --pack $(PACK)
	$(BIN)/python benchmarks/scaling.py $(FILM) --pack $(PACK)
	$(BIN)/python benchmarks/produce.py
	$(BIN)/python benchmarks/isolation.py

clean:
	rm -rf .venv demo-output demo-output.facecrop .mypy_cache .ruff_cache .pytest_cache
