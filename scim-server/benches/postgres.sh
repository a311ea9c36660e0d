#!/usr/bin/env bash
# Builds the release server and the load program, starts a PostgreSQL of its own with its safe settings, and measures the
# server on it against pgbench with the same statements. With --copy: copies a store from SQLite into it and back.
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
cargo build --release -p scim-server --bin scim-server --example load
exec "${CARGO_TARGET_DIR:-target}/release/examples/load" postgres "$@"
