# The only command surface. Every target runs from a clean clone; `make help` lists them.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PLATFORM := node --import tsx platform/cli.ts

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: up
up: node_modules ## Start the platform, then build, publish and deploy all that changed
	@$(PLATFORM) deploy

.PHONY: preview
preview: node_modules ## Show what `make up` would change, and which files cause it
	@$(PLATFORM) preview

.PHONY: down
down: node_modules ## Remove the Applications and stop the platform; published images and charts stay
	@$(PLATFORM) destroy
	@$(PLATFORM) down

.PHONY: env
env: node_modules ## Print the environment for pulumi, helm and kubectl: eval "$$(make -s env)"
	@$(PLATFORM) env

.PHONY: platform-up
platform-up: node_modules ## Start the platform: registry, builder, base images, Kubernetes API, Argo CD
	@$(PLATFORM) up

.PHONY: platform-down
platform-down: node_modules ## Stop the platform and keep its data
	@$(PLATFORM) down

.PHONY: platform-status
platform-status: node_modules ## Show every server of the platform; JSON=1 for machines
	@$(PLATFORM) status $(if $(JSON),--json)

.PHONY: platform-reset
platform-reset: node_modules ## Stop the platform and delete its data; tools stay in the user's cache
	@$(PLATFORM) reset

.PHONY: check
check: node_modules ## Check format, types and rules of everything; changes nothing
	@node --import tsx test/check.ts

.PHONY: fix
fix: node_modules ## Format everything and mend what linters can
	@node --import tsx test/check.ts --fix

.PHONY: test
test: node_modules ## Run every test, on a platform of its own
	@node --import tsx test/run.ts

node_modules: package.json package-lock.json
	@node -e 'const [a, b] = process.versions.node.split(".").map(Number); if (a < 20 || (a === 20 && b < 19)) { console.error("Node " + process.version + " is too old; install Node 20.19 or newer"); process.exit(1); }'
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch node_modules
