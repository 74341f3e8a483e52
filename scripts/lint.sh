#!/usr/bin/env bash
# Formatting, vet, golangci-lint where it is installed, and the console's own checks.
set -euo pipefail
cd "$(dirname "$0")/.."
unformatted=$(gofmt -l $(git ls-files '*.go'))
if [ -n "$unformatted" ]; then
  echo "not gofmt'ed:" $unformatted >&2
  exit 1
fi
go vet ./...
if command -v golangci-lint >/dev/null; then
  golangci-lint run
fi
make --no-print-directory console/ui/node_modules/.package-lock.json
(cd console/ui && npm run check --silent)
