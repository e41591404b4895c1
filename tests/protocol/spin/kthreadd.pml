/* kthread_create(): the creator, kthreadd and the child; the creator may be killed. EARLY: the child completes before it
 * has set its state. */
// wake: kthreadd_handoff sc
// wake: kthreadd_handoff tso
// wake: kthreadd_handoff_early_complete sc -DEARLY
// wake: kthreadd_handoff_early_complete tso -DEARLY
#define KTHREADD 0
#define CHILD 1
#define CREATOR 2
#define KILLER 3
#define TASKS 4
#define WORDS 4
#define LIST TASKS
#define POINTER (TASKS + 1)
#define KILLED (TASKS + 2)
#define DONE (TASKS + 3)
#define LOSS (off_rq[CHILD] || off_rq[CREATOR] || (off_rq[KTHREADD] && mem[LIST]))
#include "kernel.inc"
bit forked;
bit queued;  /* the creator, at the completion */

inline complete(me, hit) {
  atomic { fenced(me) -> mem[DONE] = mem[DONE] + 1; hit = queued; queued = 0 };
  if :: hit -> wake(me, CREATOR, 3 | 8, hit) :: else fi
}
active proctype kthreadd() {
  byte seen;
  do
  :: store_mb(KTHREADD, KTHREADD, 1);
     load(KTHREADD, LIST, seen);
     if :: seen :: else -> schedule(KTHREADD) fi;
     store(KTHREADD, KTHREADD, 0);
     exchange(KTHREADD, LIST, 0, seen);
     if :: seen -> forked = 1 :: else fi
  od
}
active proctype child() {
  byte mine;
  bit hit;
  forked;
  exchange(CHILD, POINTER, 0, mine);
  if
  :: mine ->
#ifdef EARLY
     complete(CHILD, hit);
     store(CHILD, CHILD, 2);
#else
     store(CHILD, CHILD, 2);
     complete(CHILD, hit);
#endif
     schedule(CHILD)
  :: else
  fi
}
active proctype creator() {
  byte mine;
  bit hit;
  bit killed;
  store(CREATOR, POINTER, 1);
  store_mb(CREATOR, LIST, 1);
  wake(CREATOR, KTHREADD, 3, hit);
  do
  :: atomic { fenced(CREATOR) && mem[DONE] > 0 -> mem[DONE] = mem[DONE] - 1; mem[CREATOR] = 0; queued = 0 }; break
  :: atomic { fenced(CREATOR) && mem[DONE] == 0 && mem[KILLED] && !killed -> killed = 1; queued = 0; mem[CREATOR] = 0 };
     exchange(CREATOR, POINTER, 0, mine);
     if :: mine -> goto out :: else fi
  :: atomic { fenced(CREATOR) && mem[DONE] == 0 && (killed || !mem[KILLED]) -> queued = 1; mem[CREATOR] = (killed -> 2 : 8) };
     atomic {
       if
       :: mem[CREATOR] == 8 && mem[KILLED] -> mem[CREATOR] = 0
       :: else -> if :: mem[CREATOR] != 0 -> off_rq[CREATOR] = 1 :: else fi
       fi };
     off_rq[CREATOR] == 0
  od;
  wake(CREATOR, CHILD, 3, hit);
out:
  skip
}
active proctype killer() { bit hit; store_mb(KILLER, KILLED, 1); wake(KILLER, CREATOR, 8 | 1, hit) }
init { start_flushers() }
