# Touchstone. The two commands to know: `make demo` and `make test`.
SHELL := /bin/bash
GO    ?= go
BIN   := bin/touchstone
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -X github.com/touchstone-cdp/touchstone/app.Version=$(VERSION)
UI_SOURCES := $(shell find console/ui -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)

.PHONY: help demo test test-go test-ui bench lint ui sdk build clean need-go need-cc need-node

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: build ## a populated server with a brand's world, until Ctrl-C
	$(BIN) demo

test: need-go need-cc need-node ## everything this machine can test
	scripts/test.sh

bench: build ## ingest, freshness and query figures of this machine, as JSON lines
	scripts/bench.sh $(BIN)

lint: need-go ## vet, gofmt, golangci-lint if it is installed, and the console's checks
	scripts/lint.sh

ui: console/ui/dist/index.html ## build the console into console/ui/dist

console/ui/node_modules/.package-lock.json: console/ui/package-lock.json | need-node
	cd console/ui && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

console/ui/dist/index.html: console/ui/node_modules/.package-lock.json $(UI_SOURCES)
	cd console/ui && npm run build --silent

sdk: need-node ## what the mini-program SDK ships, from its source
	cd apptest/clients && node miniprogram-build.mjs > ../../sdk/miniprogram/touchstone.js

build: need-go need-cc ui ## the program, with the console in it
	$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/touchstone

clean: ## remove what was built
	rm -rf bin console/ui/node_modules console/ui/dist/assets console/ui/dist/index.html

need-go:
	@command -v $(GO) >/dev/null || { echo "Go is missing: install Go 1.26 or later (go.dev/dl)"; exit 1; }
	@$(GO) version | grep -qE 'go1\.(2[6-9]|[3-9][0-9])' || { echo "Go 1.26 or later is needed, this is $$($(GO) version)"; exit 1; }

need-cc:
	@command -v cc >/dev/null || command -v gcc >/dev/null || command -v clang >/dev/null || \
	  { echo "a C compiler is missing (the embedded warehouse needs cgo): install gcc, e.g. apt-get install gcc"; exit 1; }

need-node:
	@command -v npm >/dev/null || { echo "Node.js is missing (it builds the console): install Node 20 or later with npm"; exit 1; }
