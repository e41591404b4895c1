/* A waiter at a wait queue whom a signal makes leave: the signal is looked at under the queue's lock, in front of the
 * condition. STATE 1: any signal; 10: a fatal one. BLIND: the waiter sleeps uninterruptibly, and the signal is all that comes. */
// wake: wait_event_interruptible sc -DSTATE=1
// wake: wait_event_interruptible tso -DSTATE=1
// wake: wait_event_killable sc -DSTATE=10
// wake: wait_event_killable tso -DSTATE=10
// wake: kthread_signal_uninterruptible sc -DSTATE=2 -DBLIND
#define WAITER 0
#define WAKER 1
#define KILLER 2
#define TASKS 3
#define WORDS 3
#define COND TASKS
#define SIGNAL (TASKS + 1)
#define LOCK (TASKS + 2)
#define LOSS (!ended[WAITER])
bit queued;
#include "kernel.inc"
#define woken_by_signal (mem[SIGNAL] && (STATE & 9))

active proctype waiter() {
  byte seen;
  bit left;
  do
  :: atomic { fenced(WAITER) && mem[LOCK] == 0 ->
       if :: woken_by_signal -> queued = 0; left = 1 :: else -> queued = 1; mem[WAITER] = STATE fi };
     load(WAITER, COND, seen);
     if :: seen || left -> break :: else fi;
     atomic { fenced(WAITER) ->
       if
       :: mem[WAITER] != 0 && woken_by_signal -> mem[WAITER] = 0
       :: else -> if :: mem[WAITER] != 0 -> off_rq[WAITER] = 1 :: else fi
       fi };
     off_rq[WAITER] == 0
  od;
  store(WAITER, WAITER, 0);
  atomic { fenced(WAITER) && mem[LOCK] == 0 -> queued = 0 };
  assert(seen || left);
  ended[WAITER] = 1
}
#ifndef BLIND
active proctype waker() {
  bit hit;
  store(WAKER, COND, 1);
  lock(WAKER, LOCK);
  if :: queued -> wake(WAKER, WAITER, (STATE == 1 -> 1 : 3), hit); queued = 0 :: else fi;
  unlock(WAKER, LOCK)
}
#endif
active proctype killer() { bit hit; store_mb(KILLER, SIGNAL, 1); wake(KILLER, WAITER, 9, hit) }
init { start_flushers() }
