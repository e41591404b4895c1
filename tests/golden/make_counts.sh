#!/bin/sh
# Writes the golden event counts of the recordings in tests/data/traces and tests/data/raw: how many events of each name
# every CPU holds, as `trace-cmd report` reads them ("CPU EVENT COUNT", sorted). Needs trace-cmd and zstd. The tests only
# read its output.
# Usage: tests/golden/make_counts.sh
set -eu
golden=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# count DAT NAME
count() {
  # The CPU is the first bracketed number; a command's name in front of it may hold anything else.
  trace-cmd report -N -i "$1" 2>/dev/null |
    sed -n 's/^.*-[0-9]\{1,\} *\[\([0-9]\{3,\}\)\] *[0-9]\{1,\}\.[0-9]\{1,\}: *\([A-Za-z0-9_]\{1,\}\):.*$/\1 \2/p' |
    awk '{ n[$1 + 0 " " $2]++ } END { for (key in n) print key, n[key] }' |
    sort -k1,1n -k2,2 >"$golden/$2.counts"
}

for input in "$golden"/../data/traces/*; do
  name=$(basename "$input" .zst)
  case $input in
    *.zst) zstd -q -d "$input" -o "$work/$name" ;;
    *.dat) cp "$input" "$work/$name" ;;
    *) continue ;;
  esac
  count "$work/$name" "${name%.dat}"
done
for folder in "$golden"/../data/raw/*/; do
  name=$(basename "$folder")
  "$golden/raw_to_dat.py" "$folder" "$work/$name.dat"
  count "$work/$name.dat" "$name"
done
