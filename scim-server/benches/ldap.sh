#!/usr/bin/env bash
# Builds the release server and the load program, starts an OpenLDAP of its own with its safe settings, and measures the
# server on it against ldap3 with the same searches and writes. With --listing: four clients list everybody (--users 200000)
# while others come and go; with --fake the same on a fake Active Directory.
#
#     scim-server/benches/ldap.sh [--users N] [--seconds S] [--rounds N] [-- --only pages,groups | -- --listing | -- --fake]
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release -p scim-server --bin scim-server --example load
options=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do options+=("$1"); shift; done
[ $# -eq 0 ] || shift
exec "${CARGO_TARGET_DIR:-target}/release/examples/load" "${options[@]}" ldap "$@"
