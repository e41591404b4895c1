#!/usr/bin/env bash
# Installs what is missing, builds, starts a server and a collector for this host, and prints the address of the
# dashboard. A small load of its own runs for the first minute, so that kernel threads have something to do; after ten
# seconds the report so far is printed. Goes on until Ctrl-C, or for SECONDS. Where recording is impossible (no root, no
# tracefs) it says why and gives the server a bundled recording instead.
# Usage: deploy/run.sh [SECONDS]      WAKEWATCH_DATA: where recordings are kept (build/run/data)
#                                     WAKEWATCH_GRPC_PORT, WAKEWATCH_HTTP_PORT: 7400, 7480; 0: any free one
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
seconds=${1:-0}
case $seconds in
  '' | *[!0-9]*)
    echo "usage: deploy/run.sh [SECONDS]" >&2
    exit 2
    ;;
esac

"$here/packages.sh" build
"$here/build.sh" release OFF wakewatch wakewatch-collector web
bin=$root/build/release/bin
out=$root/build/run
data=${WAKEWATCH_DATA:-$out/data}
mkdir -p "$out"

jobs_started=()
stop() {
  trap - EXIT INT TERM
  # The collector first: it hands over what it still holds.
  for ((i = ${#jobs_started[@]} - 1; i >= 0; i--)); do
    kill "${jobs_started[i]}" 2>/dev/null || true
    wait "${jobs_started[i]}" 2>/dev/null || true
  done
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"$bin/wakewatch" serve --data "$data" --listen "127.0.0.1:${WAKEWATCH_GRPC_PORT:-7400}" \
  --http "127.0.0.1:${WAKEWATCH_HTTP_PORT:-7480}" 2>"$out/server.log" &
server=$!
jobs_started+=("$server")
# Prints what follows $1 in the server's log, once it is there.
announced() {
  for _ in $(seq 200); do
    sed -n "s|.*$1: *||p" "$out/server.log" | head -n 1 | grep . && return 0
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  cat "$out/server.log" >&2
  echo "run.sh: the server did not start" >&2
  return 1
}
grpc=$(announced "gRPC clients")
web=$(announced "dashboard")

if "$bin/wakewatch" doctor --folder "$out" >"$out/doctor.txt"; then
  "$bin/wakewatch-collector" --server "$grpc" 2>"$out/collector.log" &
  jobs_started+=($!)
  "$here/load.sh" 60 &
  jobs_started+=($!)
  host=$(hostname)
else
  cat "$out/doctor.txt" >&2
  echo "This machine cannot be recorded as it is (see above; root is needed)." >&2
  echo "The server gets a bundled recording of a guest kernel instead." >&2
  echo "It overflowed while it was made, and the report says so." >&2
  host=guest
  "$bin/wakewatch" import "$root/tests/data/traces/tiny_lost-174-A.dat" --server "$grpc" --host "$host" >&2
fi

echo "dashboard: $web"
echo "collectors and gRPC clients: $grpc (logs: $out)"
sleep 10
echo
# 3 says that events were lost: the report is there and says so itself.
"$bin/wakewatch" report "$host" --server "$grpc" || [ $? -eq 3 ]
echo
echo "Next, for example (Ctrl-C here ends all of it):"
echo "  $bin/wakewatch findings $host --server $grpc"
echo "  $bin/wakewatch query $host --server $grpc \"select next_comm, count(*) from sched_switch group by 1 order by 2 desc\""
echo "dashboard: $web"
if [ "$seconds" -eq 0 ]; then
  wait "$server"
else
  sleep "$seconds"
fi
