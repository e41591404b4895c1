#!/bin/sh
# Why: the guest's first process: mounts, modules, network, a relay to the server outside, then the plan of the shared
# folder, then power off. The plan is a shell script of `play` lines; /out is that folder.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t debugfs debug /sys/kernel/debug
mount -t tracefs tracing /sys/kernel/tracing
hostname guestlab
while read -r module; do insmod "/modules/$module" || echo "LAB: no $module"; done </modules/order
ifconfig lo 127.0.0.1 up
ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 out /out || echo "LAB: no shared folder"

# Turning tracepoints on and off changes code under running CPUs, which some emulators do not always see: instances that
# record nothing keep them on. Two, so that a third changes no call either.
for keep in keep-a keep-b; do
  instance=/sys/kernel/tracing/instances/$keep
  mkdir "$instance"
  echo 0 >"$instance/tracing_on"
  echo 4 >"$instance/buffer_size_kb"
  for system in sched irq timer workqueue ipi csd; do
    [ -d "$instance/events/$system" ] && echo 1 >"$instance/events/$system/enable"
  done
done

# An instance may hold its events back while it is set up: it records when both its switches are on.
recording() {
  for instance in /sys/kernel/tracing/instances/*; do
    switches=$(cat "$instance/tracing_on" "$instance/events/sched/sched_switch/enable" 2>/dev/null | tr -d '\n')
    [ "$switches" = 11 ] && return 0
  done
  return 1
}

# play NAME LOAD MODULE-ARGUMENT...: one scenario under a collector of its own, which the server knows as host NAME.
# Leaves NAME.jsonl (what happened), NAME.log (what the collector said) and NAME.probes (hits and misses) in /out.
play() {
  name=$1
  load=$2
  shift 2
  insmod /modules/guestlab.ko "$@" || return
  wakewatch-collector --server "127.0.0.1:$PORT" --host "$name" $COLLECTOR_OPTIONS 2>"/out/$name.log" &
  collector_pid=$!
  patience=200
  until recording || [ $patience -eq 0 ]; do
    usleep 200000
    patience=$((patience - 1))
  done
  # The load comes after the probes and goes before them: emulated CPUs do not always see code change under them.
  load_pid=
  if [ -n "$load" ]; then
    $load >/dev/null 2>&1 &
    load_pid=$!
  fi
  sleep "$SETTLE_S"
  echo 1 >/sys/kernel/debug/guestlab/run || echo "LAB: $name did not run"
  if [ -n "$load_pid" ]; then
    kill $load_pid
    wait $load_pid 2>/dev/null
  fi
  sleep 1
  cat /sys/kernel/tracing/kprobe_profile >"/out/$name.probes"
  kill $collector_pid
  wait $collector_pid
  echo "LAB: $name collector ended with $? at $(cut -d' ' -f1 /proc/uptime)"
  cat /sys/kernel/debug/guestlab/truth >"/out/$name.jsonl"
  rmmod guestlab
}

if [ ! -f /out/plan ]; then
  echo "LAB: no plan"
  poweroff -f
fi
. /out/plan
echo "LAB: ready at $(cut -d' ' -f1 /proc/uptime)"
relay "$PORT" 10.0.2.2 "$PORT" 2>/out/relay.log &
relay_pid=$!
run_plan >/out/guest.log 2>&1
kill $relay_pid
dmesg >/out/dmesg.log
sync
umount /out
poweroff -f
