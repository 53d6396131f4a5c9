# make demo   the main job on this machine: print with lp, find the pages at a store
# make install  on this machine, as root: packages, PREFIX, the service's user, its systemd unit
# make test   all tests
# make check  ruff and mypy
# make chaos  hundreds of jobs while everything breaks (docs/reliability.md); SEED, KILLS, JOBS, NODES, DATABASE
# make chaos-sabotage  that it notices when a promise is taken out
# make fuzz   whatever may come as ticket, print options, placeholders, configuration; SECONDS for each
# make bench  the service beside what people use today, into docs/performance.md; bench-short in a minute
# make deb    the Debian package, into dist/; packaging/try-deb and try-systemd try it in a fresh Debian
# Each installs what it needs first, Debian packages included (with sudo where you are not root).

PYTHON ?= python3
VENV   ?= .venv
PREFIX ?= /opt/dicom-printer
PYTEST_ARGS ?=
SEED   ?= 1
KILLS  ?= 100
JOBS   ?= 540
NODES  ?= 1
DATABASE ?= sqlite
SECONDS ?= 60

.PHONY: demo install test check fuzz chaos chaos-sabotage bench bench-short deb clean

demo: $(VENV)/.demo
	$(VENV)/bin/dicom-printer demo

# No service of ours is started, for nothing is configured yet; CUPS is, where systemd runs.
install:
	packaging/system-packages demo
	$(PYTHON) -m venv $(PREFIX)
	$(PREFIX)/bin/pip install --quiet --disable-pip-version-check --use-pep517 '.[cups]'
	ln -sf $(PREFIX)/bin/dicom-printer /usr/bin/dicom-printer
	getent passwd dicom-printer >/dev/null || useradd --system --user-group --no-create-home \
	  --home-dir /var/spool/dicom-printer --shell /usr/sbin/nologin dicom-printer
	install -m 0644 packaging/systemd/dicom-printer.service /etc/systemd/system/
	[ ! -d /run/systemd/system ] || { systemctl daemon-reload && systemctl enable --now cups; }
	@echo "installed; next: dicom-printer init"

test: $(VENV)/.dev tests/film_peer/node_modules
	$(VENV)/bin/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

chaos: $(VENV)/.dev
	PYTHONPATH=tests $(VENV)/bin/python -m chaos --seed $(SEED) --kills $(KILLS) --jobs $(JOBS) --nodes $(NODES) --database $(DATABASE)

chaos-sabotage: $(VENV)/.dev
	PYTHONPATH=tests $(VENV)/bin/python -m chaos --seed 4 --kills 8 --jobs 40 --no-lp --sabotage record
	PYTHONPATH=tests $(VENV)/bin/python -m chaos --seed 4 --kills 8 --jobs 40 --no-lp --sabotage limit
	PYTHONPATH=tests $(VENV)/bin/python -m chaos --no-lp --sabotage fence
	$(VENV)/bin/python -m pytest tests/chaos/test_power.py -k "is_found or are_found"

# What they find and come from is kept in build/fuzz; a finding ends the one that found it.
fuzz: $(VENV)/.dev
	for name in ticket options placeholders configuration; do \
	  mkdir -p build/fuzz/$$name && PYTHONPATH=tests $(VENV)/bin/python -m fuzz.fuzz_$$name \
	    build/fuzz/$$name tests/fuzz/corpus/$$name -max_total_time=$(SECONDS) \
	    -artifact_prefix=build/fuzz/$$name- || exit 1; \
	done

bench: $(VENV)/.bench
	PDF2DCM_PYTHON=$(VENV)-pdf2dcm/bin/python $(VENV)/bin/python -m benchmarks

bench-short: $(VENV)/.bench
	$(VENV)/bin/python -m benchmarks --short

deb:
	packaging/system-packages deb
	packaging/build-deb

$(VENV)/.demo: pyproject.toml packaging/system-packages
	packaging/system-packages demo
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --use-pep517 --editable '.[cups]'
	touch $@

$(VENV)/.dev: pyproject.toml packaging/system-packages
	packaging/system-packages test
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --use-pep517 --editable '.[dev]'
	touch $@ $(VENV)/.demo

# pdf2dcm pins the versions of its libraries, so it cannot live beside ours.
$(VENV)/.bench: pyproject.toml packaging/system-packages
	packaging/system-packages bench
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --use-pep517 --editable '.[bench]'
	$(PYTHON) -m venv $(VENV)-pdf2dcm
	$(VENV)-pdf2dcm/bin/pip install --quiet --disable-pip-version-check 'pdf2dcm==0.7.2'
	touch $@

# The film printer of the tests that is neither DCMTK nor pynetdicom; nothing of it is shipped.
tests/film_peer/node_modules: tests/film_peer/package-lock.json | $(VENV)/.dev
	npm ci --prefix tests/film_peer --ignore-scripts --no-audit --no-fund
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-pdf2dcm tests/film_peer/node_modules .mypy_cache .ruff_cache .pytest_cache dist build
