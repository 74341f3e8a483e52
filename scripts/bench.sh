#!/usr/bin/env bash
# Prints this machine's figures as JSON lines: ingest in batches and singly, freshness, queries.
set -euo pipefail
bin=$1
data=$(mktemp -d)
port=${PORT:-18484}
"$bin" serve --dev --data "$data" --listen "127.0.0.1:$port" --log-level error &
server=$!
trap 'kill $server; wait $server 2>/dev/null; rm -rf "$data"' EXIT
export TOUCHSTONE_URL="http://127.0.0.1:$port" TOUCHSTONE_KEY=dev
for _ in $(seq 100); do curl -fs "$TOUCHSTONE_URL/readyz" >/dev/null && break; sleep 0.1; done
"$bin" bench ingest --batch 100 --connections 64 --duration 30s
"$bin" bench ingest --batch 1 --connections 64 --duration 20s
"$bin" bench ingest --batch 1 --connections 512 --duration 20s
"$bin" bench freshness
"$bin" bench query
