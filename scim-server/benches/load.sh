#!/usr/bin/env bash
# Builds the release server and the load program, measures, and prints the table. Without arguments all rows, those of
# one million users included, into docs/speed.md; arguments are handed to the load program (see its --help).
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release -p scim-server --bin scim-server --example load
load="${CARGO_TARGET_DIR:-target}/release/examples/load"
if [ $# -eq 0 ]; then
  exec "$load" --million --out docs/speed.md
fi
exec "$load" "$@"
