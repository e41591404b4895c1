#!/usr/bin/env bash
# Configures and builds a preset; shows the log only when something fails.
# Usage: deploy/build.sh PRESET TESTS(ON|OFF) [TARGET ...]
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
preset=$1 tests=$2
shift 2
folder=$root/build/$preset
mkdir -p "$folder"
log=$folder/build.log
targets=()
for target in "$@"; do targets+=(--target "$target"); done

cd "$root"
echo "building ($preset) into $folder" >&2
build() {
  cmake --preset "$preset" -DBUILD_TESTING="$tests" && cmake --build --preset "$preset" ${targets[@]+"${targets[@]}"}
}
if ! build >"$log" 2>&1; then
  tail -n 60 "$log" >&2
  echo "build.sh: the build failed; the whole log is in $log" >&2
  exit 1
fi
