/* Two waiters at a wait queue, both exclusive, and wakes of one.
 * KIND 0: each waiter takes an event, each waker brings one; 1: one wake for a condition that concerns both; 2: waiter 0
 * leaves at a signal, without a look after it has left the queue; 3: it leaves the queue under its lock, then looks;
 * 4: it passes the wake on when it leaves; 5: threads of a pool that take events until they are stopped, the stop wakes all;
 * 6: the stop wakes one; 7: the waker looks for a waiter before it brings the event. */
// wake: wait_queue_exclusive sc
// wake: wait_queue_exclusive tso
// wake: wait_queue_exclusive_one_wake sc -DKIND=1
// wake: wait_queue_exclusive_one_wake tso -DKIND=1
// wake: exclusive_consumed sc -DKIND=2
// wake: exclusive_consumed tso -DKIND=2
// wake: exclusive_signal sc -DKIND=3
// wake: exclusive_signal tso -DKIND=3
// wake: exclusive_abort sc -DKIND=4
// wake: exclusive_abort tso -DKIND=4
// wake: nfsd_threads sc -DKIND=5
// wake: nfsd_threads_one_stop sc -DKIND=6
// wake: nfsd_threads_idle_first sc -DKIND=7
#ifndef KIND
#define KIND 0
#endif
#define WAKER 2
#define KILLER 4
#define TASKS 5
#define WORDS 5
#define LOCK TASKS
#define EVENTS (TASKS + 1)
#define EVENTS_LOCK (TASKS + 2)
#define SIGNAL (TASKS + 3)
#define STOP (TASKS + 4)
#if KIND == 5 || KIND == 6 || KIND == 7
#define LOSS ((off_rq[0] || off_rq[1]) && (mem[EVENTS] || mem[STOP]))
#else
#define LOSS ((off_rq[0] || off_rq[1]) && mem[EVENTS])
#endif
#include "kernel.inc"
/* The queue: who is in it, and who stands in front. */
bit queued[2];
bit front;

inline enqueue(t) {
  if :: !queued[t] && !queued[1 - t] -> front = t :: else fi;
  queued[t] = 1
}
inline dequeue(t) { queued[t] = 0; front = 1 - t }

/* One exclusive waiter, or all. */
inline wake_queue(me, mask, all) {
  lock(me, LOCK);
  tried = 0;
  t = (queued[front] -> front : 2);
  do
  :: t < 2 ->
     tried++;
     atomic { fenced(me) && !pi_lock[t] ->
       if :: (mem[t] & (mask)) != 0 -> pi_lock[t] = 1; hit = 1 :: else -> hit = 0 fi };
     if
     :: hit -> atomic { mem[t] = 0; off_rq[t] = 0; pi_lock[t] = 0 }; dequeue(t)
     :: else
     fi;
     if :: (all || !hit) && tried < 2 && queued[1 - t] -> t = 1 - t :: else -> break fi
  :: else -> break
  od;
  unlock(me, LOCK)
}
inline prepare(me, state) { atomic { fenced(me) && mem[LOCK] == 0 -> enqueue(me); mem[me] = state } }
inline finish(me) { store(me, me, 0); atomic { fenced(me) && mem[LOCK] == 0 -> if :: queued[me] -> dequeue(me) :: else fi } }
inline schedule_signal(me) {
  atomic { fenced(me) ->
    if
    :: (mem[me] & 1) && mem[SIGNAL] -> mem[me] = 0
    :: else -> if :: mem[me] != 0 -> off_rq[me] = 1 :: else fi
    fi };
  off_rq[me] == 0
}
inline take(me) {
  lock(me, EVENTS_LOCK);
  load(me, EVENTS, seen);
  if :: seen > 0 -> store(me, EVENTS, seen - 1); mine = 1 :: else fi;
  unlock(me, EVENTS_LOCK)
}
proctype waiter(byte me) {
  byte seen;
  bit mine;
  do
  :: prepare(me, 2);
     load(me, EVENTS, seen);
#if KIND >= 5
     if :: seen == 0 -> load(me, STOP, seen) :: else fi;
#endif
     if :: seen == 0 -> schedule(me); goto again :: else fi;
     finish(me);
#if KIND == 0
     take(me);
     if :: mine -> break :: else fi;
#elif KIND >= 5
     load(me, STOP, seen);
     if :: seen -> break :: else fi;
     take(me);
     mine = 0;
#else
     break;
#endif
again:
     skip
  od;
  ended[me] = 1
}
#if KIND >= 2 && KIND <= 4
active proctype leaver() {
  byte seen;
  bit left, hit;
  byte tried, t;
  do
  ::
#if KIND == 3
     atomic { fenced(0) && mem[LOCK] == 0 ->
       if :: mem[SIGNAL] -> if :: queued[0] -> dequeue(0) :: else fi; left = 1 :: else -> enqueue(0); mem[0] = 1 fi };
#else
     prepare(0, 1);
#endif
     exchange(0, EVENTS, 0, seen);
     if :: seen -> finish(0); break :: else fi;
#if KIND == 3
     if :: left -> finish(0); break :: else fi;
#else
     load(0, SIGNAL, seen);
     if
     :: seen ->
        finish(0);
#if KIND == 4
        wake_queue(0, 3, 0);
#endif
        break
     :: else
     fi;
#endif
     schedule_signal(0)
  od
}
active proctype killer() { bit hit; store_mb(KILLER, SIGNAL, 1); wake(KILLER, 0, 1, hit) }
#endif
proctype waker(byte me) {
  byte seen;
  bit hit;
  byte tried, t;
#if KIND == 7
  bit found;
  found = queued[0] || queued[1];
#endif
  lock(me, EVENTS_LOCK);
  load(me, EVENTS, seen);
  store(me, EVENTS, seen + 1);
  unlock(me, EVENTS_LOCK);
#if KIND == 7
  if :: found -> wake_queue(me, 3, 0) :: else fi
#else
  wake_queue(me, 3, 0)
#endif
}
#if KIND == 5 || KIND == 6
active proctype shutdown() {
  bit hit;
  byte tried, t;
  store(KILLER, STOP, 1);
#if KIND == 6
  wake_queue(KILLER, 3, 0)
#else
  wake_queue(KILLER, 3, 1)
#endif
}
#endif
init {
  atomic {
    start_flushers();
#if KIND < 2 || KIND >= 5
    run waiter(0);
#endif
    run waiter(1);
    run waker(WAKER);
#if KIND == 0
    run waker(WAKER + 1)
#endif
  }
}
