# Each command sets up .venv on its own where it is missing or out of date.
.PHONY: course test lab badges unit exercises lectures weights site lint bench clean
.DEFAULT_GOAL := help

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export OMP_WAIT_POLICY := PASSIVE
READY := .venv/.ready

help:
	@echo "make course     set up; exercises, a lecture, a graded class, a fitted scene: one report"
	@echo "make test       set up and run every test"
	@echo "make lab        open the course in JupyterLab"
	@echo "make badges     write the repository's address and the units' table wherever they stand"
	@echo "make unit NAME=topic   begin a new unit: notebooks, checks and tests that run"
	@echo "make exercises  write exercises/ again from solutions/"
	@echo "make lectures   run every lecture and keep its outputs"
	@echo "make weights    train the networks whose weights ship with the package"
	@echo "make site       the lectures, exercises and the package's reference as a site: build/site"
	@echo "make lint       ruff, as the tests run it"
	@echo "make bench      the benchmarks' tables in benchmarks/README.md"
	@echo "make clean      remove what was built (not .venv)"

$(READY): pyproject.toml constraints.txt scripts/setup.sh
	@bash scripts/setup.sh

course: $(READY)
	@course tour

test: $(READY)
	@bash scripts/test.sh

lab: $(READY)
	@bash scripts/lab.sh

badges: $(READY)
	python scripts/badges.py
	course exercises

unit: $(READY)
	python scripts/new_unit.py $(NAME)

exercises: $(READY)
	course exercises

lectures: $(READY)
	course lectures

weights: $(READY)
	python -m course_lib.generative.shipped

site: $(READY)
	python docs/pages.py build/pages
	sphinx-build -a -q -W --keep-going -c docs -d build/doctrees build/pages build/site
	@echo "Open build/site/index.html, or: python -m http.server --directory build/site"

lint: $(READY)
	ruff check .
	ruff format --check .

bench: $(READY) build/peers
	python benchmarks/inpainting.py --write
	PYTHONPATH=build/peers python benchmarks/splats.py --write
	python benchmarks/nerf.py --write
	PYTHONPATH=build/peers python benchmarks/sfm.py --write
	python benchmarks/grading.py --write
	python benchmarks/notebooks.py --write

# What we are measured against and do not depend on.
build/peers:
	python -m pip install --quiet --no-deps --target $@ gsplat==1.5.3 jaxtyping rich pycolmap==4.2.1

clean:
	rm -rf build submitted autograded feedback gradebook.db .pytest_cache .ruff_cache
