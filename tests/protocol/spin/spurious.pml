/* A thread that is woken by one who has something for it and by one who has not. ONCE: it takes any wake for the first. */
// wake: kthread_spurious sc
// wake: kthread_spurious tso
// wake: kthread_spurious_no_loop sc -DONCE
// wake: kthread_spurious_no_loop tso -DONCE
#define THREAD 0
#define WAKER 1
#define BYSTANDER 2
#define TASKS 3
#define WORDS 1
#define COND TASKS
#define LOSS !ended[THREAD]
#include "kernel.inc"

active proctype thread() {
  byte seen;
again:
  store_mb(THREAD, THREAD, 1);
  load(THREAD, COND, seen);
  if
  :: !seen ->
     schedule(THREAD);
#ifndef ONCE
     goto again
#endif
  :: else
  fi;
  store(THREAD, THREAD, 0);
  load(THREAD, COND, seen);
  assert(seen);
  ended[THREAD] = 1
}
active proctype waker() { bit hit; store(WAKER, COND, 1); wake(WAKER, THREAD, 3, hit) }
active proctype bystander() { bit hit; wake(BYSTANDER, THREAD, 3, hit) }
init { start_flushers() }
