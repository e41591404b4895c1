/* Waiters at a completion. WAITERS, COMPLETERS: how many; ALL: complete_all(); NEVER: a completer may leave without;
 * INIT: somebody makes the completion anew; REINIT 1: it is cleared behind the start of what completes, 2: before, twice;
 * REUSE 1: used again after complete_all(), 2: cleared in between. */
// wake: completion sc
// wake: completion tso
// wake: completion_two_waiters sc -DWAITERS=2 -DCOMPLETERS=2
// wake: completion_two_waiters tso -DWAITERS=2 -DCOMPLETERS=2
// wake: completion_all sc -DWAITERS=3 -DALL
// wake: completion_all tso -DWAITERS=3 -DALL
// wake: completion_one_for_two sc -DWAITERS=2
// wake: completion_never sc -DNEVER
// wake: completion_second_init sc -DINIT
// wake: completion_second_init tso -DINIT
// wake: completion_reinit sc -DREINIT=1
// wake: completion_reinit tso -DREINIT=1
// wake: completion_reinit_first sc -DREINIT=2
// wake: completion_reinit_first tso -DREINIT=2
// wake: complete_all_reuse sc -DREUSE=1 -DALL
// wake: complete_all_reuse tso -DREUSE=1 -DALL
// wake: complete_all_reinit sc -DREUSE=2 -DALL
// wake: complete_all_reinit tso -DREUSE=2 -DALL
#ifndef WAITERS
#define WAITERS 1
#endif
#ifndef COMPLETERS
#define COMPLETERS 1
#endif
#ifndef REINIT
#define REINIT 0
#endif
#ifndef REUSE
#define REUSE 0
#endif
#define COMPLETER 3
#define OTHER 5
#define TASKS 6
#define WORDS 4
#define DONE TASKS
#define HELD (TASKS + 1)
#define STARTED (TASKS + 2)
#define RESULT (TASKS + 3)
#define FOREVER 7
#define LOSS (!ended[0] || (WAITERS > 1 && !ended[1]) || (WAITERS > 2 && !ended[2]))
#include "kernel.inc"
bit queued[3];

inline first_waiter() {
  if :: queued[0] -> t = 0 :: !queued[0] && queued[1] -> t = 1 :: !queued[0] && !queued[1] && queued[2] -> t = 2 :: else -> t = 3 fi
}
inline complete(me) {
  atomic { fenced(me) && mem[HELD] == 0 ->
    if :: mem[DONE] != FOREVER -> mem[DONE] = mem[DONE] + 1 :: else fi;
    first_waiter();
    if :: t < 3 -> queued[t] = 0; mem[HELD] = 1 :: else fi };
  if :: t < 3 -> wake(me, t, 3, hit); unlock(me, HELD) :: else fi
}
inline complete_all(me) {
  atomic { fenced(me) && mem[HELD] == 0 ->
    mem[DONE] = FOREVER;
    mem[HELD] = 1 };
  do
  :: atomic { first_waiter(); if :: t < 3 -> queued[t] = 0 :: else fi };
     if :: t < 3 -> wake(me, t, 3, hit) :: else -> break fi
  od;
  unlock(me, HELD)
}
inline wait_for_completion(me) {
  do
  :: atomic { fenced(me) && mem[HELD] == 0 && mem[DONE] > 0 ->
       queued[me] = 0; mem[me] = 0; if :: mem[DONE] != FOREVER -> mem[DONE] = mem[DONE] - 1 :: else fi };
     break
  :: atomic { fenced(me) && mem[HELD] == 0 && mem[DONE] == 0 -> queued[me] = 1; mem[me] = 2 };
     schedule(me)
  od
}
proctype waiter(byte me) {
#if REINIT || REUSE
  byte seen;
  byte round;
  do
  :: round < (REUSE || REINIT == 2 -> 2 : 1) ->
#if REUSE
     store(me, RESULT, 0);
#if REUSE == 2
     store(me, DONE, 0);
#endif
     store(me, STARTED, 1);
#elif REINIT == 1
     store(me, STARTED, 1);
     store(me, DONE, 0);
#else
     store(me, DONE, 0);
     store(me, STARTED, 1);
#endif
     wait_for_completion(me);
#if REUSE
     load(me, RESULT, seen);
     assert(seen);
#endif
     round++
  :: else -> break
  od;
#else
  wait_for_completion(me);
#endif
  ended[me] = 1
}
proctype completer(byte me) {
  bit hit;
  byte t;
#if REINIT || REUSE
  byte round;
  do
  :: round < (REUSE || REINIT == 2 -> 2 : 1) ->
     mem[STARTED] == 1;
     store(me, STARTED, 0);
#if REUSE
     store(me, RESULT, 1);
     complete_all(me);
#else
     complete(me);
#endif
     round++
  :: else -> break
  od
#elif defined(ALL)
  complete_all(me)
#elif defined(NEVER)
  if :: complete(me) :: skip fi
#else
  complete(me)
#endif
}
#ifdef INIT
active proctype other() { atomic { mem[DONE] = 0; mem[HELD] = 0; queued[0] = 0 } }
#endif
init {
  atomic {
    start_flushers();
    byte i = 0;
    do :: i < WAITERS -> run waiter(i); i++ :: else -> break od;
    i = 0;
    do :: i < COMPLETERS -> run completer(COMPLETER + i); i++ :: else -> break od
  }
}
