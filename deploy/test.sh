#!/usr/bin/env bash
# Installs what is missing, builds everything, runs every test, then each fuzz target for a short while.
# The last line is "N passed, M failed, K skipped"; the exit code is 0 only when nothing failed.
# Usage: deploy/test.sh [CTEST-ARGUMENT ...]      FUZZ_SECONDS: for each target, two at a time (60; 0: none)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
fuzz_seconds=${FUZZ_SECONDS:-60}
jobs=$(nproc 2>/dev/null || echo 2)

"$here/packages.sh" test
if ! "$here/build.sh" release ON; then
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
fi

results=$root/build/release/ctest.xml
rm -f "$results"
cd "$root"
ctest --test-dir build/release --output-on-failure --parallel "$jobs" --output-junit "$results" "$@" || true
if ! counts=$(python3 "$here/count_tests.py" "$results"); then
  echo "test.sh: ctest did not finish" >&2
  counts="0 1 0"
fi
read -r passed failed skipped <<<"$counts"

# A fuzz target passes when it found nothing in its time.
fuzz() {
  local name=$1 work=$2 code=0 words=()
  mkdir -p "$work/$name"
  [ -e "$root/tests/fuzz/$name.dict" ] && words=("-dict=$root/tests/fuzz/$name.dict")
  "$root/build/fuzz/bin/fuzz_$name" "${words[@]}" -max_total_time="$fuzz_seconds" -timeout=60 -rss_limit_mb=1024 \
    -print_final_stats=1 -artifact_prefix="$root/build/fuzz/$name-" "$work/$name" "$root/tests/fuzz/corpus/$name" \
    >"$work/$name.log" 2>&1 || code=$?
  if [ $code -eq 0 ]; then
    echo "fuzz $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$name.log") runs, nothing found"
    return 0
  fi
  tail -n 40 "$work/$name.log" >&2
  echo "fuzz $name: FAILED; the input that shows it is in build/fuzz/$name-*" >&2
  return 1
}

names=()
for source in "$root"/tests/fuzz/*_fuzz.cc; do
  [ -e "$source" ] && names+=("$(basename "$source" _fuzz.cc)")
done
can_fuzz() { echo 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }' |
  clang++ -x c++ -fsanitize=fuzzer,address - -o /dev/null 2>/dev/null; }

if [ "$fuzz_seconds" -gt 0 ] && [ ${#names[@]} -gt 0 ]; then
  if can_fuzz; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    if "$here/build.sh" fuzz ON "${names[@]/#/fuzz_}"; then
      # Two at a time; each leaves a file when it found nothing.
      for ((i = 0; i < ${#names[@]}; i += 2)); do
        for name in "${names[@]:i:2}"; do
          { if fuzz "$name" "$work"; then : >"$work/$name.passed"; fi; } &
        done
        wait
      done
      for name in "${names[@]}"; do
        if [ -e "$work/$name.passed" ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
      done
    else
      failed=$((failed + ${#names[@]}))
    fi
  else
    echo "fuzz: skipped, clang++ with libFuzzer and AddressSanitizer is not here" >&2
    skipped=$((skipped + ${#names[@]}))
  fi
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
