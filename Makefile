# Two commands are enough to begin: `make demo` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

export UV_PYTHON_DOWNLOADS ?= never
UV := $(shell command -v uv 2>/dev/null || echo .cache/uv/bin/uv)
RUN := .venv/bin
DEMO ?= .insights

.PHONY: help
help: ## List what can be made.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: .venv/.synced ## From the example roster to published teams and a report, on this machine.
	@$(RUN)/insights run -f examples/quickstart.yaml --home $(DEMO)

.PHONY: test
test: .venv/.synced lint ## Style, types, import rules, unit tests, and a real API server.
	@echo "==> unit tests"
	@$(RUN)/pytest tests/unit
	@echo "==> tests against a real API server"
	@$(MAKE) --no-print-directory servers
	@$(RUN)/pytest tests/apiserver

.PHONY: servers
servers: .venv/.synced ## Build the servers that tests run against (about fifteen minutes, once).
	@$(RUN)/python -m tests.cluster build apiserver

.PHONY: test-observability
test-observability: .venv/.synced ## A real Prometheus on real runs: every query, every alert (on a node, as root).
	@bin/node-packages prometheus prometheus-alertmanager tmux
	@$(RUN)/python -m tests.cluster build $$([ "$$(id -u)" = 0 ] && echo cluster || echo apiserver)
	@$(RUN)/pytest tests/observability

.PHONY: test-crash
test-crash: servers ## The operator killed at every write, misled and refused, on a real API server.
	@$(RUN)/pytest tests/crash

.PHONY: test-exhaustive
test-exhaustive: .venv/.synced ## Verdicts and advice for 20,000 small problems against all teams there are.
	@INSIGHTS_SMALL_PROBLEMS=20000 $(RUN)/pytest tests/unit/teams/test_exhaustive.py

.PHONY: test-cluster
test-cluster: .venv/.synced ## Runs on a real node: containerd, kubelet, KubeRay, our images (as root).
	@bin/node-packages
	@$(RUN)/python -m tests.cluster build cluster
	@$(RUN)/pytest tests/cluster

.PHONY: test-gitops
test-gitops: .venv/.synced ## Argo CD on a real node, following a git repository (as root).
	@bin/node-packages redis-server
	@$(RUN)/python -m tests.cluster build gitops
	@$(RUN)/pytest tests/gitops

.PHONY: cluster
cluster: .venv/.synced ## Start a cluster with the operator on this machine, to play with (as root).
	@bin/node-packages
	@$(RUN)/python -m tests.cluster up

.PHONY: cluster-down
cluster-down: ## Remove every trace of it.
	@$(RUN)/python -m tests.cluster down

.PHONY: lint
lint: .venv/.synced ## Style, types and import rules alone.
	@echo "==> ruff, mypy, import-linter"
	@$(RUN)/ruff check
	@$(RUN)/ruff format --check
	@$(RUN)/mypy
	@$(RUN)/lint-imports
	@$(RUN)/python -m insights_crds.generate --check
	@$(RUN)/python -m docs.generate --check
	@$(RUN)/python -m manifests.dashboards.generate --check

.PHONY: format
format: .venv/.synced ## Put the code in its usual form, and write what is generated.
	@$(RUN)/ruff check --fix
	@$(RUN)/ruff format
	@$(RUN)/python -m insights_crds.generate
	@$(RUN)/python -m docs.generate
	@$(RUN)/python -m manifests.dashboards.generate

.PHONY: clean
clean: ## Remove what was installed and made here.
	@rm -rf .venv .cache $(DEMO) .mypy_cache .pytest_cache .ruff_cache .hypothesis

.cache/uv/bin/uv:
	@bin/bootstrap .cache/uv

.venv/.synced: $(filter .cache/%,$(UV)) uv.lock pyproject.toml
	@echo "==> installing packages into .venv (about 1 GB; some minutes the first time)"
	@$(UV) sync --frozen --all-extras
	@touch $@
