/* Waits that end by themselves when their time is over. KIND 0: on a completion; 1: on a completion on the waiter's stack;
 * 2: on a condition; 3: a thread that looks before it sets its state. */
// wake: completion_timeout sc
// wake: completion_timeout tso
// wake: completion_timeout_on_stack sc -DKIND=1
// wake: completion_timeout_on_stack tso -DKIND=1
// wake: wait_event_timeout sc -DKIND=2
// wake: wait_event_timeout tso -DKIND=2
// wake: kthread_check_before_set_timeout sc -DKIND=3
// wake: kthread_check_before_set_timeout tso -DKIND=3
#ifndef KIND
#define KIND 0
#endif
#define WAITER 0
#define WAKER 1
#define TIMER 2
#define TASKS 3
#define WORDS 3
#define COND TASKS
#define ARMED (TASKS + 1)
#define OVER (TASKS + 2)
#define LOSS !ended[WAITER]
bit frame = 1;
#include "kernel.inc"

active proctype waiter() {
  byte seen, over;
  do
  ::
#if KIND == 3
     load(WAITER, COND, seen);
     if :: seen -> break :: else fi;
     store_mb(WAITER, WAITER, 2);
#else
     store_mb(WAITER, WAITER, 2);
     load(WAITER, COND, seen);
     if :: seen || over -> break :: else fi;
#endif
     atomic { fenced(WAITER) -> mem[ARMED] = 1; mem[OVER] = 0 };
     schedule(WAITER);
     atomic { fenced(WAITER) -> over = mem[OVER]; mem[ARMED] = 0 }
  od;
  store(WAITER, WAITER, 0);
  frame = 0;
  ended[WAITER] = 1
}
active proctype timer() {
  bit hit;
  do
  :: atomic { mem[ARMED] == 1 -> mem[ARMED] = 0; mem[OVER] = 1 };
     wake(TIMER, WAITER, 3, hit)
  od
}
active proctype waker() {
  bit hit;
#if KIND == 1
  assert(frame);
#endif
  store(WAKER, COND, 1);
  wake(WAKER, WAITER, 3, hit)
}
init { start_flushers() }
