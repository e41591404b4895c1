/* Process 1 asks kthreadd for a thread. WAIT: it waits for kthreadd_done first; EARLY: that is completed too early. */
// wake: boot_handoff sc -DWAIT
// wake: boot_handoff tso -DWAIT
// wake: boot_handoff_no_wait sc
// wake: boot_handoff_complete_first sc -DWAIT -DEARLY
// wake: boot_handoff_complete_first tso -DWAIT -DEARLY
#define BOOT 0
#define INIT 1
#define TASKS 2
#define WORDS 2
#define KNOWN TASKS
#define DONE (TASKS + 1)
#define LOSS !ended[INIT]
#include "kernel.inc"
bit queued;

inline complete(me, hit) {
  atomic { fenced(me) -> mem[DONE] = mem[DONE] + 1; hit = queued; queued = 0 };
  if :: hit -> wake(me, INIT, 3, hit) :: else fi
}
active proctype rest_init() {
  bit hit;
#ifdef EARLY
  complete(BOOT, hit);
#endif
  store(BOOT, KNOWN, 1);
#ifndef EARLY
  complete(BOOT, hit)
#endif
}
active proctype kernel_init() {
  byte seen;
#ifdef WAIT
  do
  :: atomic { fenced(INIT) && mem[DONE] > 0 -> mem[DONE] = mem[DONE] - 1; mem[INIT] = 0; queued = 0 }; break
  :: atomic { fenced(INIT) && mem[DONE] == 0 -> queued = 1; mem[INIT] = 2 }; schedule(INIT)
  od;
#endif
  load(INIT, KNOWN, seen);
  assert(seen);
  ended[INIT] = 1
}
init { start_flushers() }
