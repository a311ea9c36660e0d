#!/usr/bin/env bash
# Runs the tests. `./test.sh` tests everything; `./test.sh sqlite` only what concerns the named backends.
# What the tests need and the machine lacks is installed by its package manager.
set -euo pipefail
cd "$(dirname "$0")"

known="sqlite"

fail() { printf 'test.sh: %s\n' "$*" >&2; exit 1; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# need COMMAND APT DNF BREW: installs a package when the command is missing.
need() {
  command -v "$1" >/dev/null && return
  if command -v apt-get >/dev/null; then
    as_root apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$2" ||
      { as_root apt-get update && as_root apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$2"; }
  elif command -v dnf >/dev/null; then
    as_root dnf install -y "$3"
  elif command -v brew >/dev/null; then
    brew install "$4"
  fi
  command -v "$1" >/dev/null || fail "$1 is missing and could not be installed; install the package $2 (or $3, $4)"
}

backends=("$@")
[ $# -gt 0 ] || read -ra backends <<<"$known"
for backend in "${backends[@]}"; do
  case " $known " in *" $backend "*) ;; *) fail "no backend $backend; there are: $known" ;; esac
done

command -v cargo >/dev/null || fail "cargo is missing; install Rust from https://rustup.rs"
need cc gcc gcc gcc
need curl curl curl curl

packages=(-p scim-core -p conformance-tests -p scim-server)
for backend in "${backends[@]}"; do packages+=(-p "backend-$backend"); done
[ $# -gt 0 ] || packages=(--workspace)

cargo test --locked "${packages[@]}"
