/* A sleeper and its timer. CANCEL 1: somebody deletes the timer; 2: and wakes the sleeper in its place. */
// wake: timer_sleep sc
// wake: timer_sleep tso
// wake: timer_cancelled sc -DCANCEL=1
// wake: timer_cancelled tso -DCANCEL=1
// wake: timer_cancelled_wake sc -DCANCEL=2
// wake: timer_cancelled_wake tso -DCANCEL=2
#ifndef CANCEL
#define CANCEL 0
#endif
#define SLEEPER 0
#define TIMER 1
#define SHUTDOWN 2
#define TASKS 3
#define WORDS 2
#define ARMED TASKS
#define OVER (TASKS + 1)
#define LOSS !ended[SLEEPER]
#include "kernel.inc"

active proctype sleeper() {
  byte seen;
  store_mb(SLEEPER, ARMED, 1);
  do
  :: store_mb(SLEEPER, SLEEPER, 2);
     load(SLEEPER, OVER, seen);
     if :: seen -> break :: else fi;
     schedule(SLEEPER)
  od;
  ended[SLEEPER] = 1
}
active proctype timer() {
  bit hit;
  atomic { mem[ARMED] == 1 -> mem[ARMED] = 0 };
  store(TIMER, OVER, 1);
  wake(TIMER, SLEEPER, 3, hit)
}
#if CANCEL
active proctype shutdown() {
  bit hit;
  store_mb(SHUTDOWN, ARMED, 0);
#if CANCEL == 2
  store(SHUTDOWN, OVER, 1);
  wake(SHUTDOWN, SLEEPER, 3, hit)
#endif
}
#endif
init { start_flushers() }
