#!/usr/bin/env bash
# Makes the data folder of a release for the upgrade test: run it when the release is out.
#
#   scripts/upgrade-fixture.sh REVISION   builds that revision (a tag, a commit) and has it make
#                                         apptest/testdata/upgrade/REVISION.tar.gz and .json.gz
#
# See docs/design/formats.md.
set -euo pipefail
cd "$(dirname "$0")/.."
revision=${1:?a revision, as git knows it}
name=$(git describe --tags --always "$revision")
dir=$(mktemp -d)
trap 'git worktree remove --force "$dir/src" 2>/dev/null || true; rm -rf "$dir"' EXIT
git worktree add --quiet --detach "$dir/src" "$revision"
# The console's pages are no part of it: a server without them has the same data.
(cd "$dir/src" && go build -ldflags "-X github.com/touchstone-cdp/touchstone/app.Version=$name" -o "$dir/touchstone" ./cmd/touchstone)
TOUCHSTONE_TEST_BINARY="$dir/touchstone" TOUCHSTONE_UPGRADE_FIXTURE="$name" go test -count=1 ./apptest -run '^TestMakeUpgradeFixture$'
ls -l "apptest/testdata/upgrade/$name".*
