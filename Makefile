# `make help` lists what there is. The two that matter: `make run`, `make test`.
SHELL := /bin/sh
.DEFAULT_GOAL := help

MODULES := proto services/platform services/inference services/persistence gateway
# Modules outside the workspace: they need nothing of ours.
LONE_MODULES := scripts/dev scripts/bench
BINARIES := bin/inference bin/persistence bin/gateway
TOOLS := bin/.tools
VENV := .cache/venv
PYTHON ?= python3

export PATH := $(CURDIR)/bin:$(PATH)

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-18s %s\n", $$1, $$2}'

# --- Run ---------------------------------------------------------------------

.PHONY: run
run: build bin/dev ## Build and run what ENVIRONMENT (demo, dev, prod) has on this machine; Ctrl-C stops it
	@exec bin/dev

.PHONY: build
build: ## Build the three programs into bin/
	@echo "building inference, persistence and gateway (the first time takes minutes)..."
	@CGO_ENABLED=1 go build -o bin/inference ./services/inference/cmd/inference
	@CGO_ENABLED=0 go build -o bin/persistence ./services/persistence/cmd/persistence
	@CGO_ENABLED=0 go build -o bin/gateway ./gateway/cmd/gateway

.PHONY: certs
certs: bin/dev ## Make a certificate of each program, for one machine or one network of containers, in CERTS (var/certs)
	@bin/dev certs $(or $(CERTS),var/certs)

.PHONY: bin/dev
bin/dev:
	@GOWORK=off go build -C scripts/dev -o ../../bin/dev .

.PHONY: clean
clean: ## Remove what was built and fetched; the database under var/ stays
	rm -rf bin .cache

# --- Test --------------------------------------------------------------------

.PHONY: test
test: lint licences test-go test-lone test-training test-contract test-clients test-browser test-docker ## Run everything: lint, unit, store, e2e, training, contract, client and browser tests, and Compose where a Docker daemon is

.PHONY: test-go
test-go: setup ## Go tests of every module with the race detector; SQLite and a real PostgreSQL
	ONNXRUNTIME_LIB=$$(scripts/dev/fetch-onnxruntime.sh) go test -race -count=1 -timeout 20m work

.PHONY: test-faults
test-faults: setup ## The long form of the fault tests: 36 rounds of killing, a minute without a database
	ONNXRUNTIME_LIB=$$(scripts/dev/fetch-onnxruntime.sh) FAULT_ROUNDS=36 FAULT_OUTAGE=60s \
		go test -count=1 -v -timeout 15m -run Fault ./gateway/e2e

.PHONY: test-lone
test-lone: ## Go tests of the modules outside the workspace
	@for module in $(LONE_MODULES); do \
		echo "test $$module"; (cd $$module && GOWORK=off go test -race -timeout 5m ./...) || exit 1; done

.PHONY: test-training
test-training: $(VENV)/training.done ## Python tests of the training and of the committed package
	cd scripts/training && ../../$(VENV)/bin/python -m pytest -q

.PHONY: test-contract
test-contract: build setup $(VENV)/contract.done ## OpenAPI validator and schemathesis against the running gateway
	ONNXRUNTIME_LIB=$$(scripts/dev/fetch-onnxruntime.sh) PYTHONPATH=scripts $(VENV)/bin/python scripts/contract/check.py

.PHONY: test-clients
test-clients: build setup $(VENV)/clients.done ## Generate clients from the OpenAPI document in five languages, compile them, and call the running gateway
	ONNXRUNTIME_LIB=$$(scripts/dev/fetch-onnxruntime.sh) PYTHONPATH=scripts $(VENV)/bin/python scripts/clients/check.py

.PHONY: test-browser
test-browser: build setup $(VENV)/browser.done ## Drive the dashboard in Chromium on the three programs; axe-core on every screen
	@scripts/dev/setup-browser.sh
	ONNXRUNTIME_LIB=$$(scripts/dev/fetch-onnxruntime.sh) PYTHONPATH=scripts $(VENV)/bin/python -m pytest -q -p no:cacheprovider scripts/browser

.PHONY: test-compose
test-compose: ## Bring docker-compose.yml up from nothing, use it, restart it, take it down; needs a Docker daemon
	PYTHONPATH=scripts $(PYTHON) scripts/compose/check.py

.PHONY: test-docker
test-docker:
	@if docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then $(MAKE) --no-print-directory test-compose; \
	else echo "no Docker daemon with Compose here: docker-compose.yml is not tested"; fi

.PHONY: screenshots
screenshots: build setup $(VENV)/browser.done ## Make the pictures of docs/screenshots again
	@scripts/dev/setup-browser.sh
	ONNXRUNTIME_LIB=$$(scripts/dev/fetch-onnxruntime.sh) PYTHONPATH=scripts SCREENSHOTS=$(CURDIR)/docs/screenshots \
		$(VENV)/bin/python -m pytest -q -p no:cacheprovider scripts/browser/test_screens.py -k pictures

.PHONY: setup
setup: ## Fetch what tests need: ONNX Runtime, and PostgreSQL where it may be installed
	@scripts/dev/fetch-onnxruntime.sh >/dev/null
	@scripts/dev/setup-postgres.sh

.PHONY: bench
bench: build $(VENV)/bench.done ## Measure, beside a no-op and an echo in the same run; prints a table of ratios
	@ONNXRUNTIME_LIB=$$(scripts/dev/fetch-onnxruntime.sh) && export ONNXRUNTIME_LIB && \
		cd scripts/bench && GOWORK=off go run .
	@go test -run '^$$' -bench Read -benchtime 1x ./services/platform/sheet | grep rows/s

.PHONY: bench-cost
bench-cost: build bin/dev ## Measure what authentication and encryption cost: CPU microseconds of a single prediction in each program
	@ONNXRUNTIME_LIB=$$(scripts/dev/fetch-onnxruntime.sh) && export ONNXRUNTIME_LIB && \
		cd scripts/bench && GOWORK=off go run . cost

.PHONY: bench-scale
bench-scale: setup ## Fill 100,000 employees and 1,000,000 predictions, and time every list, fresh and analysed; SCALE_ROWS for fewer
	cd services/persistence && SCALE_ROWS=$${SCALE_ROWS:-1000000} go test -count=1 -timeout 60m -run TestScale -v ./internal/store/gormstore | grep -v '^='

.PHONY: bench-explain
bench-explain: setup $(VENV)/training.done $(VENV)/explain.done ## Measure explanations beside Python's shap, same model, rows and background
	@ONNXRUNTIME_LIB=$$(scripts/dev/fetch-onnxruntime.sh) PYTHONPATH=scripts/training \
		$(VENV)/bin/python scripts/explain/bench.py

.PHONY: bench-dashboard
bench-dashboard: build setup $(VENV)/training.done ## Measure the dashboard's pages with 1,470 employees
	@ONNXRUNTIME_LIB=$$(scripts/dev/fetch-onnxruntime.sh) PYTHONPATH=scripts $(VENV)/bin/python scripts/browser/bench.py

# --- Check -------------------------------------------------------------------

.PHONY: lint
lint: $(TOOLS) $(VENV)/training.done ## golangci-lint, go vet, buf lint, buf breaking, ruff, and whether generated code is fresh
	@for module in $(MODULES); do echo "lint $$module"; (cd $$module && go vet ./... && golangci-lint run ./...) || exit 1; done
	@for module in $(LONE_MODULES); do \
		echo "lint $$module"; (cd $$module && GOWORK=off go vet ./... && GOWORK=off golangci-lint run ./...) || exit 1; done
	buf lint
	buf format --diff --exit-code --exclude-path proto/third_party/onnx
	@$(MAKE) --no-print-directory breaking check-generated
	cd scripts && ../$(VENV)/bin/ruff check . && ../$(VENV)/bin/ruff format --check .
	templ fmt -fail gateway/internal/dashboard

CONTRACT := proto/contract.binpb.gz

# MIT-0, and BSD-3-Clause in words that the tool does not know.
LICENCES_READ := github.com/segmentio/asm,modernc.org/mathutil
.PHONY: licences
licences: ## Whether the licences of all that the programs are built of are permissive
	@for program in gateway services/persistence services/inference; do \
		echo "licences of $$program"; (cd $$program && go run github.com/google/go-licenses@v1.6.0 check ./cmd/$$(basename $$program) \
			--ignore=github.com/futurisys/futurisys,$(LICENCES_READ) \
			--allowed_licenses=Apache-2.0,BSD-2-Clause,BSD-3-Clause,ISC,MIT >/dev/null) || exit 1; done

.PHONY: breaking
breaking: $(TOOLS) ## Refuse a change of the API that would break callers of the contract in proto/contract.binpb.gz
	@mkdir -p .cache && buf build --path proto/futurisys -o .cache/contract.binpb
	buf breaking .cache/contract.binpb --against $(CONTRACT) --exclude-imports

.PHONY: contract
contract: $(TOOLS) ## Freeze the API as it is: with each release, and for a break that is meant
	buf build --path proto/futurisys --exclude-source-info -o $(CONTRACT)

.PHONY: generate
generate: $(TOOLS) ## Generate Go code and the OpenAPI document from the protos, and the pages from their templates
	scripts/dev/generate.sh
	templ generate -path gateway/internal/dashboard -log-level error

.PHONY: check-generated
check-generated: generate ## Fail when the committed generated code is not what its sources give
	@git diff --exit-code --stat -- proto/gen docs/errors.md services/platform/config/keys.txt ':(glob)gateway/**/*_templ.go' && test -z "$$(git status --porcelain -- proto/gen)" || \
		{ echo "generated code is stale: run make generate and commit it"; exit 1; }

.PHONY: metrics-page
metrics-page: build ## Write docs/metrics.md from what the programs answer
	ONNXRUNTIME_LIB=$$(scripts/dev/fetch-onnxruntime.sh) UPDATE=1 go test -count=1 -run TestMetricsAreOnTheirPage ./gateway/e2e

.PHONY: fmt
fmt: $(TOOLS) $(VENV)/training.done ## Format Go, protos and Python
	@for module in $(MODULES) $(LONE_MODULES); do (cd $$module && golangci-lint fmt ./...); done
	buf format -w --exclude-path proto/third_party/onnx
	templ fmt gateway/internal/dashboard
	cd scripts && ../$(VENV)/bin/ruff format .

# --- Model -------------------------------------------------------------------

.PHONY: train
train: $(VENV)/training.done ## Train the versions from the extracts into deploy/models/attrition
	cd scripts/training && ../../$(VENV)/bin/python -m futurisys_training

.PHONY: push
push: build $(VENV)/training.done ## Publish PACKAGE on the Hub as REPOSITORY (org/name) and tag it
	@test -n "$(REPOSITORY)" && test -n "$(PACKAGE)" || \
		{ echo "usage: make push REPOSITORY=org/name PACKAGE=deploy/models/attrition/1"; exit 1; }
	@ONNXRUNTIME_LIB=$$(scripts/dev/fetch-onnxruntime.sh) && export ONNXRUNTIME_LIB && \
		PYTHONPATH=scripts/training $(VENV)/bin/python -m futurisys_training.push $(REPOSITORY) $(PACKAGE)

.PHONY: golden
golden: $(VENV)/explain.done ## Make the golden explanations of small models again, with Python's shap
	$(VENV)/bin/python scripts/explain/golden.py services/inference/internal/explain/testdata

.PHONY: data
data: ## Rebuild the three extracts from Debian's r-cran-modeldata (needs R)
	$(PYTHON) scripts/training/data/rebuild.py

# --- Tools -------------------------------------------------------------------

$(TOOLS): scripts/tools/go.mod scripts/tools/go.sum
	@echo "building the tools: buf, golangci-lint, generators (the first time takes minutes)..."
	@GOWORK=off go build -C scripts/tools -o ../../bin/ tool
	@touch $@

$(VENV)/bin/python:
	@scripts/dev/setup-python.sh $(PYTHON) $(VENV)

$(VENV)/%.done: scripts/%/requirements.txt | $(VENV)/bin/python
	@echo "installing the Python packages of scripts/$*..."
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@
