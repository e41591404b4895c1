/* wait_woken(): the wake is kept in a flag. PLAIN: without the barrier behind the cleared flag; a second waker then comes
 * before. */
// wake: wait_woken sc
// wake: wait_woken tso
// wake: wait_woken_no_barrier sc -DPLAIN
// wake: wait_woken_no_barrier tso -DPLAIN
#define WAITER 0
#define WAKER 1
#define BYSTANDER 2
#define TASKS 3
#define WORDS 2
#define COND TASKS
#define WOKEN (TASKS + 1)
#define LOSS !ended[WAITER]
#include "kernel.inc"

active proctype waiter() {
  byte seen;
  do
  :: load(WAITER, COND, seen);
     if :: seen -> break :: else fi;
     store_mb(WAITER, WAITER, 1);
     load(WAITER, WOKEN, seen);
     if :: seen == 0 -> schedule(WAITER) :: else fi;
     store(WAITER, WAITER, 0);
#ifdef PLAIN
     store(WAITER, WOKEN, 0)
#else
     store_mb(WAITER, WOKEN, 0)
#endif
  od;
  ended[WAITER] = 1
}
active proctype waker() {
  bit hit;
  store_mb(WAKER, COND, 1);
  store(WAKER, WOKEN, 1);
  wake(WAKER, WAITER, 3, hit)
}
#ifdef PLAIN
active proctype bystander() { bit hit; store(BYSTANDER, WOKEN, 1); wake(BYSTANDER, WAITER, 3, hit) }
#endif
init { start_flushers() }
