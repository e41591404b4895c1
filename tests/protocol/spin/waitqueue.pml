/* One waiter at a wait queue, one waker.
 * WAITER 0: prepare_to_wait() and look, in a loop; 1: look, then prepare_to_wait(), no second look; 2: add_wait_queue(),
 * state with a barrier, look; 3: state with a barrier, add_wait_queue(), look; 4: as 2 with the state set again behind the
 * look (a nested sleep). WAKER 0: wakes; 1: barrier, looks at the queue, wakes; 2: the same without the barrier;
 * 3: looks at the queue before it stores the condition. MASK: what the waker wakes. */
// wake: wait_event sc
// wake: wait_event tso
// wake: wait_queue_prepare sc
// wake: wait_queue_prepare tso
// wake: wait_queue_all sc -DWAITERS=3
// wake: wake_before_enqueue sc -DWAITER=1
// wake: wake_before_enqueue tso -DWAITER=1
// wake: wrong_mask sc -DMASK=1
// wake: wrong_mask tso -DMASK=1
// wake: waitqueue_active sc -DWAKER=1
// wake: waitqueue_active tso -DWAKER=1
// wake: waitqueue_active_no_barrier sc -DWAKER=2
// wake: waitqueue_active_no_barrier tso -DWAKER=2
// wake: waitqueue_active_looks_first sc -DWAKER=3
// wake: add_wait_queue sc -DWAITER=2 -DWAKER=1
// wake: add_wait_queue tso -DWAITER=2 -DWAKER=1
// wake: add_wait_queue_no_barrier sc -DWAITER=3 -DWAKER=1
// wake: add_wait_queue_no_barrier tso -DWAITER=3 -DWAKER=1
// wake: state_overwritten sc -DWAITER=4
// wake: state_overwritten tso -DWAITER=4
#ifndef WAITER
#define WAITER 0
#endif
#ifndef WAITERS
#define WAITERS 1
#endif
#ifndef WAKER
#define WAKER 0
#endif
#ifndef MASK
#define MASK 3
#endif
#define ME_WAKER WAITERS
#define TASKS (WAITERS + 1)
#define WORDS (WAITERS + 2)
#define QUEUED TASKS /* of each waiter */
#define COND (TASKS + WAITERS)
#define LOCK (TASKS + WAITERS + 1)
#define LOSS (off_rq[0] || (WAITERS > 1 && (off_rq[1] || off_rq[2])))
#include "kernel.inc"

inline prepare_to_wait(t) {
  atomic { fenced(t) && mem[LOCK] == 0 -> mem[QUEUED + t] = 1; mem[t] = 2 }
}
inline add_wait_queue(t) {
  lock(t, LOCK);
  store(t, QUEUED + t, 1);
  unlock(t, LOCK)
}
inline leave_queue(t) {
  store(t, t, 0);
  atomic { fenced(t) && mem[LOCK] == 0 -> mem[QUEUED + t] = 0 }
}
proctype waiter(byte me) {
  byte seen;
#if WAITER == 0 || WAITER == 1
  load(me, COND, seen);
  if :: seen -> goto out :: else fi;
#endif
#if WAITER == 2 || WAITER == 4
  add_wait_queue(me);
#endif
again:
#if WAITER == 0 || WAITER == 1
  prepare_to_wait(me);
#else
  store_mb(me, me, 2);
#endif
#if WAITER == 3
  add_wait_queue(me);
#endif
#if WAITER != 1
  load(me, COND, seen);
  if
  :: seen
  :: else ->
#if WAITER == 4
     store_mb(me, me, 2);
#endif
     schedule(me);
#if WAITER != 3
     goto again
#endif
  fi;
#else
  schedule(me);
#endif
  leave_queue(me);
out:
  ended[me] = 1
}
active proctype waker() {
  bit hit;
  bit found;
  byte seen = 1;
  byte i = 0;
#if WAKER == 3
  load(ME_WAKER, QUEUED, seen);
#endif
  store(ME_WAKER, COND, 1);
#if WAKER == 1
  barrier(ME_WAKER);
#endif
#if WAKER == 1 || WAKER == 2
  load(ME_WAKER, QUEUED, seen);
#endif
  if
  :: seen ->
     lock(ME_WAKER, LOCK);
     do
     :: i < WAITERS ->
        found = mem[QUEUED + i];
        if :: found -> wake(ME_WAKER, i, MASK, hit) :: else fi;
        i++
     :: else -> break
     od;
     unlock(ME_WAKER, LOCK)
  :: else
  fi
}
init {
  atomic {
    start_flushers();
    run waiter(0);
#if WAITERS > 1
    run waiter(1);
    run waiter(2)
#endif
  }
}
