#!/usr/bin/env bash
# Installs what is missing, builds, records this machine's kernel threads for 10 seconds under a small load of its
# own, and prints the report. Where recording is impossible (no root, no tracefs) it says why and reports on a bundled
# recording.
# Usage: deploy/run.sh [SECONDS]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
seconds=${1:-10}
case $seconds in
  '' | *[!0-9]* | 0)
    echo "usage: deploy/run.sh [SECONDS]" >&2
    exit 2
    ;;
esac

"$here/packages.sh" build
"$here/build.sh" release OFF wakewatch
wakewatch=$root/build/release/bin/wakewatch
out=$root/build/run
mkdir -p "$out"
recording=$out/machine.db

# 3 says that events were lost: the report is there and says so itself.
tolerate_gaps() {
  local code=0
  "$@" || code=$?
  [ $code -eq 3 ] || return $code
}

if "$wakewatch" doctor --folder "$out" >"$out/doctor.txt"; then
  echo "recording this machine for $seconds s" >&2
  # The load would go on a little longer: the duration ends it.
  tolerate_gaps "$wakewatch" record -f -o "$recording" --duration "${seconds}s" -- "$here/load.sh" "$((seconds + 5))"
else
  cat "$out/doctor.txt" >&2
  echo "This machine cannot be recorded as it is (see above; root is needed)." >&2
  echo "Reporting on a bundled recording of a guest kernel instead." >&2
  echo "It overflowed while it was made, and the report says so." >&2
  echo >&2
  tolerate_gaps "$wakewatch" import -f "$root/tests/data/traces/tiny_lost-174-A.dat" -o "$recording" >&2
  tolerate_gaps "$wakewatch" report "$recording"
fi
echo >&2
echo "The recording is $recording. Next, for example:" >&2
echo "  $wakewatch findings $recording" >&2
echo "  $wakewatch query $recording \"select next_comm, count(*) from sched_switch group by 1 order by 2 desc\"" >&2
