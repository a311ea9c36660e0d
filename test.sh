#!/usr/bin/env bash
# Runs the tests. `./test.sh` tests everything; `./test.sh sqlite` only what concerns the named backends.
# What the tests need and the machine lacks is installed by its package manager.
set -euo pipefail
cd "$(dirname "$0")"

known="sqlite postgres ldap"

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

# need_postgres: the programs of a PostgreSQL server, which distributions keep off the path. Only the programs: the
# database that Debian would make and start with them is not wanted. Also where SCIM_TEST_POSTGRES_URL is set: some tests
# stop the server, which that one is not for.
need_postgres() {
  have_postgres && return
  local quiet=(-y --no-install-recommends -o DPkg::Lock::Timeout=300)
  if command -v apt-get >/dev/null; then
    as_root apt-get install "${quiet[@]}" postgresql-common ||
      { as_root apt-get update && as_root apt-get install "${quiet[@]}" postgresql-common; }
    as_root sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
    as_root apt-get install "${quiet[@]}" postgresql
  elif command -v dnf >/dev/null; then
    as_root dnf install -y postgresql-server
  elif command -v brew >/dev/null; then
    brew install postgresql@17
  fi
  have_postgres || fail "PostgreSQL is missing and could not be installed; install the package postgresql
  (or postgresql-server, postgresql@17), or set SCIM_TEST_POSTGRES_URL to a server where tests may make databases"
}

have_postgres() {
  local folder
  for folder in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin; do
    [ -x "$folder/postgres" ] && [ -x "$folder/initdb" ] && return
  done
  command -v postgres >/dev/null && command -v initdb >/dev/null
}

# need_slapd: OpenLDAP's server, which is not on everybody's path, and its ldapsearch. Without the database that Debian would
# make, and without its service.
need_slapd() {
  have_slapd && return
  local quiet=(-y --no-install-recommends -o DPkg::Lock::Timeout=300 slapd ldap-utils)
  if command -v apt-get >/dev/null; then
    echo 'slapd slapd/no_configuration boolean true' | as_root debconf-set-selections
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install "${quiet[@]}" ||
      { as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive apt-get install "${quiet[@]}"; }
  elif command -v dnf >/dev/null; then
    as_root dnf install -y openldap-servers openldap-clients
  elif command -v brew >/dev/null; then
    brew install openldap
  fi
  have_slapd || fail "OpenLDAP is missing and could not be installed; install slapd and ldap-utils
  (or openldap-servers and openldap-clients, openldap)"
}

have_slapd() {
  local program
  command -v ldapsearch >/dev/null || return
  for program in /usr/sbin/slapd /usr/libexec/slapd /usr/local/libexec/slapd /opt/homebrew/opt/openldap/libexec/slapd \
    /usr/local/opt/openldap/libexec/slapd; do
    [ -x "$program" ] && return
  done
  return 1
}

# need_directories: 389 Directory Server and Samba as a domain controller, which only Linux has and only root can start.
need_directories() {
  local packages
  [ -x /usr/sbin/ns-slapd ] && [ -x /usr/sbin/samba ] && [ -x /usr/bin/samba-tool ] && return
  if command -v apt-get >/dev/null; then
    packages=(389-ds-base samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind python3-samba)
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "${packages[@]}" ||
      { as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${packages[@]}"; }
  elif command -v dnf >/dev/null; then
    as_root dnf install -y 389-ds-base samba samba-dc samba-dc-provision samba-winbind python3-samba-dc
  fi
  [ -x /usr/sbin/ns-slapd ] && [ -x /usr/sbin/samba ] && [ -x /usr/bin/samba-tool ] ||
    fail "389 Directory Server or Samba is missing and could not be installed; install 389-ds-base, samba, samba-ad-dc,
  samba-ad-provision, samba-dsdb-modules, samba-vfs-modules, winbind and python3-samba (or what they are called there)"
}

backends=("$@")
[ $# -gt 0 ] || read -ra backends <<<"$known"
for backend in "${backends[@]}"; do
  case " $known " in *" $backend "*) ;; *) fail "no backend $backend; there are: $known" ;; esac
done

command -v cargo >/dev/null || fail "cargo is missing; install Rust from https://rustup.rs"
need cc gcc gcc gcc
need curl curl curl curl
# SQLite needs nothing, and the tests of the other stores use it beside theirs.
features=mimalloc,sqlite
skipped=()
for backend in $known; do
  case " ${backends[*]} " in *" $backend "*) asked=yes ;; *) asked= ;; esac
  case $backend in
    postgres) servers=(servers::postgres) ;;
    ldap) servers=(servers::slapd servers::ds389 servers::samba) ;;
    *) servers=() ;;
  esac
  if [ -z "$asked" ]; then
    for server in ${servers[@]+"${servers[@]}"}; do skipped+=(--skip "$server"); done
    continue
  fi
  case $backend in
    postgres) need_postgres ;;
    ldap)
      need_slapd
      need_directories
      ;;
  esac
  [ "$backend" = sqlite ] || features+=,$backend
done

if [ $# -eq 0 ]; then
  exec cargo test --locked --workspace
fi
printf 'test.sh: only what concerns %s\n' "${backends[*]}" >&2
cargo test --locked -p scim-core "${backends[@]/#/-pbackend-}"
cargo test --locked -p conformance-tests -- ${skipped[@]+"${skipped[@]}"}
cargo test --locked -p scim-server --no-default-features --features "$features"
