#!/usr/bin/env bash
# A small mixed load out of coreutils, so that kworkers, ksoftirqd, writeback and the journal have something to do.
# Usage: deploy/load.sh [SECONDS]
set -euo pipefail

seconds=${1:-10}
folder=$(mktemp -d "${TMPDIR:-/tmp}/wakewatch-load.XXXXXX")
stop() {
  trap - EXIT TERM INT
  # shellcheck disable=SC2046  # one word a job is what is wanted
  kill $(jobs -p) 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap stop EXIT
trap 'stop; exit 0' TERM INT

busy() { [ "$SECONDS" -lt "$seconds" ]; }

# Written and synced: writeback workers, the journal's thread, the block layer's workers.
sync_files() {
  while busy; do
    dd if=/dev/zero of="$folder/file.$1" bs=64k count=16 conv=fsync status=none || return 0
    rm -f "$folder/file.$1"
  done
}
# Written and left to the background flusher.
dirty_files() {
  while busy; do
    dd if=/dev/zero of="$folder/dirty" bs=1M count=8 status=none || return 0
    sleep 0.2
  done
}
# Two tasks that wake each other through a pipe.
pipes() {
  while busy; do
    dd if=/dev/zero bs=1 count=20000 status=none | dd of=/dev/null bs=1 status=none || return 0
  done
}
# Short sleeps: timers, idle exits.
sleeps() {
  while busy; do sleep 0.005; done
}
# Directory reads: dentries, read-ahead, reclaim where memory is short.
walks() {
  while busy; do
    find /usr /etc -xdev -newer /proc/self/stat >/dev/null 2>&1 || true
    sleep 0.1
  done
}

sync_files 1 &
sync_files 2 &
dirty_files &
pipes &
sleeps &
walks &
wait
