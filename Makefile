# The only command surface. Every target runs from a clean clone; `make help` lists them.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PACKAGES := node_modules/.package-lock.json
PLATFORM_CLI := node platform/$(if $(filter kind,$(PLATFORM)),kind/)cli.ts
# make itself sets AS to an assembler.
AS =
# Switches are on by any value but these, and values may begin with a dash.
on = $(filter-out 0 no false off,$($(1)))
option = $(if $($(1)),--$(2)='$($(1))')
# The Node that was found or brought with the packages, and what it has compiled before; programs that are started take both over.
export PATH := $(CURDIR)/node_modules/.node:$(PATH)
export NODE_COMPILE_CACHE := $(CURDIR)/node_modules/.cache/node
STACK_FLAG := $(call option,STACK,stack)
ifneq ($(filter-out kind,$(PLATFORM)),)
$(error PLATFORM is "$(PLATFORM)", but must be kind, or empty for the embedded platform)
endif
# By sudo, npm and Pulumi would leave root's files in the folders of the user who calls.
ifneq ($(filter-out 0,$(SUDO_UID)),)
ifeq ($(shell test "$$(id -u)" != 0 || test -O . && echo fine),)
$(error run make without sudo, as the user whose checkout this is; it asks for root where it needs it)
endif
endif
# What a command does not know is refused before it does anything; a first start has no packages yet to say so, and a make that
# another one calls gets the options of that one.
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
ifneq ($(and $(strip $(GIVEN)),$(wildcard $(PACKAGES)),$(filter 0,$(MAKELEVEL))),)
PROBLEMS := $(shell $(firstword $(wildcard node_modules/.node/node) node) commands/options.ts $(or $(MAKECMDGOALS),help) -- $(GIVEN))
ifneq ($(PROBLEMS),)
$(error $(PROBLEMS))
endif
endif
RELEASE_CLI := node commands/release/cli.ts
RELEASE_FLAGS := --platform $(STACK_FLAG)
OFFLINE_ENV := $(if $(call on,OFFLINE),TINYOLLY_OFFLINE=1)

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { gsub(/[$$][$$]/, "$$", $$2); printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Every day

.PHONY: up
up: $(PACKAGES) ## Start the platform, then build, publish and deploy all that changed; PLAN=FILE refuses anything else, OFFLINE=1 asks no registry, VERBOSE=1 shows all that Pulumi says
	@$(OFFLINE_ENV) $(if $(call on,VERBOSE),TINYOLLY_VERBOSE=1) $(if $(PLAN),TINYOLLY_PLAN='$(PLAN)') $(PLATFORM_CLI) deploy

.PHONY: preview
preview: $(PACKAGES) ## Show what `make up` would change, and which files cause it; OFFLINE=1 asks no registry, VERBOSE=1 shows all of Pulumi's diff, STACK=
	@$(OFFLINE_ENV) $(if $(call on,VERBOSE),TINYOLLY_VERBOSE=1) $(PLATFORM_CLI) preview $(STACK_FLAG)

.PHONY: explain
explain: $(PACKAGES) ## Say in a moment what `make up` would do and why; DETAIL=1 shows each field, JSON=1, MARKDOWN=1, HTML=FILE writes a page, TRY=1 builds without pushing, SAVE=FILE, STACK=, OFFLINE=1
	@$(OFFLINE_ENV) node commands/explain/cli.ts --platform $(STACK_FLAG) $(if $(call on,DETAIL),--detail) $(if $(call on,JSON),--json) $(if $(call on,MARKDOWN),--markdown) $(call option,HTML,html) $(if $(call on,TRY),--try) $(call option,SAVE,save)

.PHONY: watch
watch: $(PACKAGES) ## Follow the sources: on each save explain, then ship what changed; Ctrl-C ends; STACK=
	@node commands/watch/cli.ts --platform $(STACK_FLAG)

.PHONY: open
open: $(PACKAGES) ## Open the web UI, or print its address
	@$(PLATFORM_CLI) open

.PHONY: logs
logs: $(PACKAGES) ## Show what the pods of a workload wrote last: APP=webui; FOLLOW=1 goes on
	@$(PLATFORM_CLI) logs --app='$(APP)' $(if $(call on,FOLLOW),--follow)

##@ Images

.PHONY: bases
bases: $(PACKAGES) ## Show what the tags of base images hold now beside the lock; UPDATE=1 takes it, JSON=1, STACK=
	@node commands/bases/cli.ts --platform $(STACK_FLAG) $(if $(call on,JSON),--json) $(if $(call on,UPDATE),--update)

##@ Releases

.PHONY: release-check
release-check: $(PACKAGES) ## Say what the next release would hold, and what is missing for it; RELEASE=, JSON=1, MARKDOWN=1, OFFLINE=1, STACK=prod
	@$(OFFLINE_ENV) $(RELEASE_CLI) check $(RELEASE_FLAGS) $(call option,RELEASE,release) $(if $(call on,JSON),--json) $(if $(call on,MARKDOWN),--markdown)

.PHONY: chart-version
chart-version: $(PACKAGES) ## Set the version of a chart: CHART=tinyolly VERSION=0.3.1
	@$(RELEASE_CLI) chart-version --chart='$(CHART)' --version='$(VERSION)'

.PHONY: release
release: $(PACKAGES) ## Publish the tagged commit as a release (pulumi up); STACK=prod
	@$(RELEASE_CLI) up $(RELEASE_FLAGS)

.PHONY: releases
releases: $(PACKAGES) ## List the releases that are recorded; JSON=1, STACK=prod
	@$(RELEASE_CLI) list $(RELEASE_FLAGS) $(if $(call on,JSON),--json)

.PHONY: rollback
rollback: $(PACKAGES) ## Point the Applications at a recorded release: TO=v2.1.7; PREVIEW=1 only shows it, STACK=prod
	@$(RELEASE_CLI) rollback $(RELEASE_FLAGS) --to='$(TO)' $(if $(call on,PREVIEW),--preview)

.PHONY: promote
promote: $(PACKAGES) ## Copy what one stack has published to the registry of another: FROM=local TO=prod; RELEASE=, AS=v2.2.0
	@$(RELEASE_CLI) promote --platform $(call option,FROM,from) --to='$(TO)' $(call option,RELEASE,release) $(call option,AS,as)

.PHONY: bundle
bundle: $(PACKAGES) ## Put a release into one file: RELEASE=v2.1.8; FILE=, STACK=prod
	@$(RELEASE_CLI) bundle $(RELEASE_FLAGS) --release='$(RELEASE)' $(call option,FILE,file)

.PHONY: load
load: $(PACKAGES) ## Bring a release out of a file into a registry: FILE=, STACK= or REGISTRY=host/path (TLS=plain-http); KEY=FILE, or TRUST=1 for an unsigned one
	@$(RELEASE_CLI) load --platform $(STACK_FLAG) --file='$(FILE)' $(call option,REGISTRY,registry) $(call option,TLS,tls) $(call option,KEY,key) $(if $(call on,TRUST),--trust)

.PHONY: rehearse
rehearse: $(PACKAGES) ## Live a whole life of a release, on a platform and a registry like GHCR of its own; JSON=1
	@node commands/rehearse/cli.ts $(if $(call on,JSON),--json)

##@ Registry and trust

.PHONY: gc
gc: $(PACKAGES) ## Show what the registry holds that nothing uses; DELETE=1 deletes it, KEEP=N releases, JSON=1, STACK=
	@node commands/gc/cli.ts --platform $(STACK_FLAG) $(if $(call on,JSON),--json) $(call option,KEEP,keep) $(if $(call on,DELETE),--delete)

.PHONY: verify
verify: $(PACKAGES) ## Check signatures, contents and provenance: REF=host/image:tag, or a release; KEY=FILE, TLS=, JSON=1, STACK=
	@node commands/release/verify-cli.ts --platform --ref='$(REF)' $(STACK_FLAG) $(call option,KEY,key) $(call option,TLS,tls) $(if $(call on,JSON),--json)

.PHONY: release-tools
release-tools: $(PACKAGES) ## Provide cosign and syft, which signing needs: eval "$$(make -s release-tools)"
	@node commands/release/tools.ts

.PHONY: reproduce
reproduce: $(PACKAGES) ## Build images again on an empty cache and compare the bytes: IMAGE=demo; RELEASE=, JSON=1, STACK=
	@node commands/build/cli.ts --platform $(STACK_FLAG) $(call option,IMAGE,image) $(call option,RELEASE,release) $(if $(call on,JSON),--json)

##@ Platform

.PHONY: down
down: $(PACKAGES) ## Remove the Applications and stop the platform; published images and charts stay
	@$(PLATFORM_CLI) end

.PHONY: env
env: $(PACKAGES) ## Print the environment for pulumi, helm and kubectl: eval "$$(make -s env)"; STACK=
	@$(PLATFORM_CLI) env $(STACK_FLAG)

.PHONY: platform-up
platform-up: $(PACKAGES) ## Start the platform: registry, builder, base images, Kubernetes API, Argo CD
	@$(PLATFORM_CLI) up

.PHONY: platform-down
platform-down: $(PACKAGES) ## Stop the platform and keep its data
	@$(PLATFORM_CLI) down

.PHONY: platform-status
platform-status: $(PACKAGES) ## Show every server of the platform; JSON=1 for machines
	@$(PLATFORM_CLI) status $(if $(call on,JSON),--json)

.PHONY: doctor
doctor: $(PACKAGES) ## Say what this machine and the platform have, and what is missing; JSON=1
	@$(PLATFORM_CLI) doctor $(if $(call on,JSON),--json)

.PHONY: platform-reset
platform-reset: $(PACKAGES) ## Stop the platform and delete its data; tools stay in the user's cache
	@$(PLATFORM_CLI) reset

##@ This project

.PHONY: check
check: $(PACKAGES) ## Check format, types and rules of everything; changes nothing
	@node test/check.ts

.PHONY: fix
fix: $(PACKAGES) ## Format everything and mend what linters can
	@node test/check.ts --fix

.PHONY: test
test: $(PACKAGES) ## Run every test, on a platform of its own; SUITE=truth only those of that name, official on the official plugin, kind on a kind cluster, SEED=N in that order, ROUNDS=N of random edits
	@node test/run.ts $(SUITE)

.PHONY: bench
bench: $(PACKAGES) ## Measure against bake, scripts and others, and write docs/benchmark.md; ARGS='--only explain' only shows that
	@$(PLATFORM_CLI) up
	@eval "$$($(PLATFORM_CLI) env)" && node bench/run.ts $(ARGS)

.PHONY: bench-start
bench-start: $(PACKAGES) ## Time a first start with empty caches beside what runs; JSON=1
	@node bench/start.ts $(if $(call on,JSON),--json)

# Before anything is made; later, what is missing is told where it is needed.
$(PACKAGES): package.json package-lock.json
	@sh platform/requirements.sh $(MAKE_VERSION) $(if $(filter kind,$(PLATFORM)),,$(if $(filter up preview platform-up test bench rehearse,$(MAKECMDGOALS)),go))
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
	@node=$$(sh platform/node/provide.sh 24.12) && mkdir node_modules/.node && ln -s "$$node" node_modules/.node/node
	@touch $@
