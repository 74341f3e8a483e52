#!/usr/bin/env bash
# Runs every test that this machine can run. Components that are missing are named; with
# CI=true a missing component is a failure instead.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${TOUCHSTONE_TEST_POSTGRES:-}" ]; then
  if url=$(scripts/postgres-test.sh start); then
    export TOUCHSTONE_TEST_POSTGRES="$url"
    trap 'scripts/postgres-test.sh stop || true' EXIT
  elif [ "${CI:-}" = true ]; then
    echo "PostgreSQL is required in CI and could not be started" >&2
    exit 1
  else
    echo "PostgreSQL is not installed: the store is tested on SQLite only" >&2
  fi
fi

make --no-print-directory ui
(cd console/ui && npm test --silent)
(cd apptest/clients && { [ -d node_modules ] || npm ci --no-audit --no-fund --loglevel=error; })

# apptest runs alone, last: its servers and its browser want the machine for themselves.
# The limits are for what hangs: a machine that does other things, too, takes several times as long.
packages=$(go list ./... | grep -v /apptest)
go test -timeout 40m $packages
if [ "${CI:-}" = true ]; then # a build of its own, which takes minutes the first time
  go test -race -timeout 40m . ./stream/... ./pipeline/... ./collect ./identity ./profile ./segment/... ./internal/...
fi
# Three at a time: whoever waits for a browser or a restart leaves the processors to others.
go test -count=1 -parallel 3 -timeout 60m ./apptest/...
