/* A per-CPU thread that is parked and let go. LATE: it looks for the end of its parking before it sets its state; MASK: what
 * letting go wakes. */
// wake: smpboot_park sc -DWORK
// wake: smpboot_park tso -DWORK
// wake: smpboot_park_late_state sc -DLATE
// wake: smpboot_park_late_state tso -DLATE
// wake: smpboot_unpark_wrong_mask sc -DMASK=3
// wake: smpboot_unpark_wrong_mask tso -DMASK=3
#ifndef MASK
#define MASK 4
#endif
#define THREAD 0
#define HOTPLUG 1
#define RAISER 2
#define TASKS 3
#define WORDS 3
#define SHOULD_PARK TASKS
#define PARKED (TASKS + 1)
#define JOB (TASKS + 2)
#define LOSS (!ended[HOTPLUG] || mem[JOB] || (mem[THREAD] == 4))
#include "kernel.inc"
bit queued;

inline complete_parked() {
  atomic { fenced(THREAD) -> mem[PARKED] = mem[PARKED] + 1; hit = queued; queued = 0 };
  if :: hit -> wake(THREAD, HOTPLUG, 3, hit) :: else fi
}
active proctype thread() {
  byte seen;
  bit hit;
  do
  :: store_mb(THREAD, THREAD, 1);
     load(THREAD, SHOULD_PARK, seen);
     if
     :: seen ->
        store(THREAD, THREAD, 0);
#ifdef LATE
        complete_parked();
        do
        :: load(THREAD, SHOULD_PARK, seen);
           if :: seen == 0 -> break :: else fi;
           store_mb(THREAD, THREAD, 4);
           schedule(THREAD)
        od;
#else
        do
        :: atomic { fenced(THREAD) && !pi_lock[THREAD] -> mem[THREAD] = 4 };
           load(THREAD, SHOULD_PARK, seen);
           if :: seen == 0 -> break :: else fi;
           complete_parked();
           schedule(THREAD)
        od;
        store(THREAD, THREAD, 0);
#endif
     :: else ->
        load(THREAD, JOB, seen);
        if :: seen == 0 -> schedule(THREAD) :: else fi;
        store(THREAD, THREAD, 0);
        load(THREAD, JOB, seen);
        if :: seen -> store(THREAD, JOB, 0) :: else fi
     fi;
     seen = 0
  od
}
active proctype hotplug() {
  bit hit;
  store_mb(HOTPLUG, SHOULD_PARK, 1);
  wake(HOTPLUG, THREAD, 3, hit);
  do
  :: atomic { fenced(HOTPLUG) && mem[PARKED] > 0 -> mem[PARKED] = mem[PARKED] - 1; mem[HOTPLUG] = 0; queued = 0 }; break
  :: atomic { fenced(HOTPLUG) && mem[PARKED] == 0 -> queued = 1; mem[HOTPLUG] = 2 }; schedule(HOTPLUG)
  od;
  store_mb(HOTPLUG, SHOULD_PARK, 0);
  wake(HOTPLUG, THREAD, MASK, hit);
  ended[HOTPLUG] = 1
}
#ifdef WORK
active proctype raiser() { bit hit; store(RAISER, JOB, 1); wake(RAISER, THREAD, 3, hit) }
#endif
init { start_flushers() }
