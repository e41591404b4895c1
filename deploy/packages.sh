#!/usr/bin/env bash
# Installs what is missing of the packages that Wakewatch is built from (Debian 12 and 13, Ubuntu 24.04).
# Usage: deploy/packages.sh [build|test]     test adds what only the tests use. Says nothing when nothing is missing.
set -euo pipefail

what=${1:-build}
packages=(g++ cmake ninja-build pkg-config ccache libtraceevent-dev libbpf-dev libseccomp-dev libexpected-dev libcli11-dev
  libtomlplusplus-dev nlohmann-json3-dev libspdlog-dev libfmt-dev libsqlite3-dev libssl-dev libzstd-dev libxxhash-dev zlib1g-dev
  libgrpc++-dev protobuf-compiler
  protobuf-compiler-grpc libprotobuf-dev libboost-dev prometheus-cpp-dev)
# The dashboard. A node that came another way than by packages is as good.
if ! command -v npm >/dev/null || ! command -v node >/dev/null; then packages+=(nodejs npm); fi
# Tests go without these where they cannot be had, and say so.
optional=()
case $what in
  build) ;;
  test)
    packages+=(libgtest-dev libgmock-dev libbenchmark-dev python3 sqlite3 zstd)
    optional+=(clang trace-cmd xz-utils python3-grpcio)
    # The guest laboratory: an emulator, what its guest is made of, and what builds a module for it.
    optional+=(qemu-system-x86 busybox-static cpio make libelf-dev)
    # A second opinion on the protocol checker's verdicts.
    optional+=(spin)
    if ! command -v chromium >/dev/null; then optional+=(chromium); fi
    ;;
  *)
    echo "usage: deploy/packages.sh [build|test]" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "packages.sh: no dpkg or apt-get here; these packages are needed: ${packages[*]}" >&2
  exit 0
fi

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
known() { apt-cache show "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    env DEBIAN_FRONTEND=noninteractive "$@"
  elif command -v sudo >/dev/null; then
    sudo DEBIAN_FRONTEND=noninteractive "$@"
  else
    echo "neither root nor sudo: run as root: apt-get install ${missing[*]}"
    return 1
  fi
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
updated=no
# Installs quietly; on failure shows what apt said. With a full disk or no network that is what the user needs.
install() {
  if [ $updated = no ]; then
    as_root apt-get -qq update >"$log" 2>&1 || true
    updated=yes
  fi
  echo "installing: $*" >&2
  as_root apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install "$@" >"$log" 2>&1
}

missing=()
for package in "${packages[@]}"; do
  installed "$package" || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ] && ! install "${missing[@]}"; then
  cat "$log" >&2
  echo "packages.sh: could not install: ${missing[*]}" >&2
  exit 1
fi

for package in ${optional[@]+"${optional[@]}"}; do
  missing=("$package")
  installed "$package" || install "$package" || echo "packages.sh: going on without $package" >&2
done

# clang's run-time library (libFuzzer, sanitizers) carries its version in its name on some releases only.
if [ "$what" = test ] && command -v clang++ >/dev/null; then
  major=$(clang++ -dumpversion | cut -d. -f1)
  runtime=libclang-rt-$major-dev
  if ! known "$runtime"; then runtime=libclang-rt-dev; fi
  missing=("$runtime")
  installed "$runtime" || install "$runtime" || echo "packages.sh: going on without $runtime" >&2
fi
