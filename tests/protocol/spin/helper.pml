/* A caller that may be killed, and a worker that completes on its stack. KIND 0: both take the pointer by an exchange;
 * 1: with plain accesses; 2: the caller waits even where it has taken the pointer. */
// wake: usermode_helper sc
// wake: usermode_helper tso
// wake: usermode_helper_no_xchg sc -DKIND=1
// wake: usermode_helper_no_xchg tso -DKIND=1
// wake: usermode_helper_waits_on sc -DKIND=2
// wake: usermode_helper_waits_on tso -DKIND=2
#ifndef KIND
#define KIND 0
#endif
#define CALLER 0
#define WORKER 1
#define KILLER 2
#define TASKS 3
#define WORDS 4
#define POINTER TASKS
#define DONE (TASKS + 1)
#define KILLED (TASKS + 2)
#define WORK (TASKS + 3)
#define LOSS !ended[CALLER]
#include "kernel.inc"
bit queued;
bit frame = 1;

active proctype caller() {
  byte mine;
  bit killed;
  store(CALLER, POINTER, 1);
  store_mb(CALLER, WORK, 1);
  do
  :: atomic { fenced(CALLER) && mem[DONE] > 0 -> mem[DONE] = mem[DONE] - 1; mem[CALLER] = 0; queued = 0 }; break
  :: atomic { fenced(CALLER) && mem[DONE] == 0 && mem[KILLED] && !killed -> killed = 1; queued = 0; mem[CALLER] = 0 };
#if KIND == 1
     load(CALLER, POINTER, mine);
     if :: mine -> store(CALLER, POINTER, 0) :: else fi;
#else
     exchange(CALLER, POINTER, 0, mine);
#endif
#if KIND != 2
     if :: mine -> break :: else fi
#endif
  :: atomic { fenced(CALLER) && mem[DONE] == 0 && (killed || !mem[KILLED]) -> queued = 1; mem[CALLER] = (killed -> 2 : 8) };
     atomic {
       if
       :: mem[CALLER] == 8 && mem[KILLED] -> mem[CALLER] = 0
       :: else -> if :: mem[CALLER] != 0 -> off_rq[CALLER] = 1 :: else fi
       fi };
     off_rq[CALLER] == 0
  od;
  frame = 0;
  ended[CALLER] = 1
}
active proctype worker() {
  byte mine;
  bit hit;
  mem[WORK] == 1;
#if KIND == 1
  load(WORKER, POINTER, mine);
#else
  exchange(WORKER, POINTER, 0, mine);
#endif
  if
  :: mine ->
     assert(frame);
     atomic { fenced(WORKER) -> mem[DONE] = mem[DONE] + 1; hit = queued; queued = 0 };
     if :: hit -> wake(WORKER, CALLER, 3 | 8, hit) :: else fi
  :: else
  fi
}
active proctype killer() { bit hit; store_mb(KILLER, KILLED, 1); wake(KILLER, CALLER, 8 | 1, hit) }
init { start_flushers() }
