# The only command surface. Every target runs from a clean clone; `make help` lists them.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PACKAGES := node_modules/.package-lock.json
PLATFORM := node --import tsx platform/cli.ts

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: up
up: $(PACKAGES) ## Start the platform, then build, publish and deploy all that changed
	@$(PLATFORM) deploy

.PHONY: preview
preview: $(PACKAGES) ## Show what `make up` would change, and which files cause it
	@$(PLATFORM) preview

.PHONY: down
down: $(PACKAGES) ## Remove the Applications and stop the platform; published images and charts stay
	@$(PLATFORM) destroy
	@$(PLATFORM) down

.PHONY: env
env: $(PACKAGES) ## Print the environment for pulumi, helm and kubectl: eval "$$(make -s env)"
	@$(PLATFORM) env

.PHONY: platform-up
platform-up: $(PACKAGES) ## Start the platform: registry, builder, base images, Kubernetes API, Argo CD
	@$(PLATFORM) up

.PHONY: platform-down
platform-down: $(PACKAGES) ## Stop the platform and keep its data
	@$(PLATFORM) down

.PHONY: platform-status
platform-status: $(PACKAGES) ## Show every server of the platform; JSON=1 for machines
	@$(PLATFORM) status $(if $(JSON),--json)

.PHONY: platform-reset
platform-reset: $(PACKAGES) ## Stop the platform and delete its data; tools stay in the user's cache
	@$(PLATFORM) reset

.PHONY: check
check: $(PACKAGES) ## Check format, types and rules of everything; changes nothing
	@node --import tsx test/check.ts

.PHONY: fix
fix: $(PACKAGES) ## Format everything and mend what linters can
	@node --import tsx test/check.ts --fix

.PHONY: test
test: $(PACKAGES) ## Run every test, on a platform of its own
	@node --import tsx test/run.ts

$(PACKAGES): package.json package-lock.json
	@command -v node npm > /dev/null || { echo 'Node and npm are missing; install Node 20.19 or newer: apt-get install nodejs npm' >&2; exit 1; }
	@node -e 'const [a, b] = process.versions.node.split(".").map(Number); if (a < 20 || (a === 20 && b < 19)) { console.error("Node " + process.version + " is too old; install Node 20.19 or newer"); process.exit(1); }'
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
	@touch $@
