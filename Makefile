# Two commands are all that a newcomer needs: `make demo` and `make test`. Each does its own set-up.
SHELL := /bin/sh
.DEFAULT_GOAL := help
RUN := node scripts/with-node.mjs

# npm writes this file last, so it is newer than the lock file exactly when the packages fit it.
PACKAGES := node_modules/.package-lock.json

.PHONY: help demo test check format manifests build bench api-server clean packages

help: ## what there is to make
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

packages: $(PACKAGES) ## install the npm packages (the other targets do it by themselves)

$(PACKAGES): package.json package-lock.json scripts/check-node.mjs
	@node scripts/check-node.mjs
	npm ci --no-audit --no-fund --loglevel=error
	@touch $(PACKAGES)

demo: $(PACKAGES) ## simulators and operator on one fast clock; DEMO_FOR=60s runs the tour by itself
	@exec bin/aiops demo

test: $(PACKAGES) ## everything there is to test; T=NAME only the files whose path contains NAME
	$(RUN) node tools/build.ts --or-skip kube-apiserver etcd kubectl helm
	$(RUN) node scripts/build.ts
	$(RUN) vitest run $(T)

check: $(PACKAGES) ## format, lint, types, unit tests, dead code, generated files
	$(RUN) biome check .
	$(RUN) tsc
	$(RUN) knip
	$(RUN) node scripts/manifests.ts --check
	$(RUN) vitest run --project unit

format: $(PACKAGES) ## put the sources into the common format
	$(RUN) biome check --write .

manifests: $(PACKAGES) ## CRDs, editor schemas and the field reference, from the schemas in src/api
	$(RUN) node scripts/manifests.ts

build: $(PACKAGES) ## the two bundles in dist/: the operator, and the simulators
	$(RUN) node scripts/build.ts

bench: build ## measurements as JSON lines; B=NAME only that one
	$(RUN) node bench/run.ts $(B)

api-server: $(PACKAGES) ## a real kube-apiserver and etcd on this machine, until Ctrl-C
	@exec "$$($(RUN) node -p process.execPath)" tools/envtest/api-server.ts

clean: ## remove what was built
	rm -rf dist coverage .demo
