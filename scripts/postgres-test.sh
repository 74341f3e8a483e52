#!/bin/sh
# A throw-away PostgreSQL for tests.
#
#   scripts/postgres-test.sh start [DIR]  starts a server with its data in DIR (a new
#                                         temporary folder by default), prints its URL
#   scripts/postgres-test.sh stop [DIR]   stops it and removes DIR (by default the one in
#                                         TOUCHSTONE_TEST_POSTGRES)
#   scripts/postgres-test.sh run CMD…     runs CMD with TOUCHSTONE_TEST_POSTGRES set, then
#                                         cleans up
#
# The server listens on a unix socket in DIR only, and does not sync to disk. As root
# it runs as the user postgres, because initdb refuses to run as root.
set -eu

bin=${POSTGRES_BIN:-}
if [ -z "$bin" ]; then
    for d in /usr/lib/postgresql/*/bin /usr/local/pgsql/bin /opt/homebrew/opt/postgresql*/bin; do
        [ -x "$d/initdb" ] && bin=$d
    done
fi
if [ -z "$bin" ] && command -v initdb >/dev/null; then
    bin=$(dirname "$(command -v initdb)")
fi
if [ -z "$bin" ]; then
    echo "no PostgreSQL found: apt-get install postgresql, or set POSTGRES_BIN" >&2
    exit 1
fi

as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        su postgres -s /bin/sh -c "$1"
    else
        sh -c "$1"
    fi
}

start() {
    dir=$1
    mkdir -p "$dir"
    chmod 755 "$dir"
    [ "$(id -u)" = 0 ] && chown postgres "$dir"
    if ! as_postgres "'$bin/initdb' -D '$dir/data' -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync" >"$dir.log" 2>&1; then
        cat "$dir.log" >&2
        exit 1
    fi
    options="-k $dir -c listen_addresses= -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200"
    if ! as_postgres "'$bin/pg_ctl' -D '$dir/data' -w -t 60 -l '$dir/server.log' -o '$options' start" >"$dir.log" 2>&1; then
        cat "$dir.log" "$dir/server.log" >&2
        exit 1
    fi
    echo "postgres:///postgres?host=$dir&user=postgres"
}

stop() {
    as_postgres "'$bin/pg_ctl' -D '$1/data' -m immediate -w stop" >/dev/null 2>&1 || true
    rm -rf "$1" "$1.log"
}

new_dir() {
    mktemp -d "${TMPDIR:-/tmp}/touchstone-pg.XXXXXX"
}

dir_of_url() {
    echo "${TOUCHSTONE_TEST_POSTGRES:-}" | sed -n 's/.*[?&]host=\([^&]*\).*/\1/p'
}

case ${1:-} in
start) start "${2:-$(new_dir)}" ;;
stop)
    dir=${2:-$(dir_of_url)}
    if [ ! -f "$dir/data/PG_VERSION" ]; then
        echo "no test server has its data in '$dir'" >&2
        exit 1
    fi
    stop "$dir"
    ;;
run)
    shift
    dir=$(new_dir)
    trap 'stop "$dir"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    TOUCHSTONE_TEST_POSTGRES=$(start "$dir")
    export TOUCHSTONE_TEST_POSTGRES
    "$@"
    ;;
*)
    sed -n '2,13s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
