/* A thread that is ended by a signal. STATE 1 or 2: what it sleeps in. */
// wake: kthread_signal sc -DSTATE=1 -DCONDITION
// wake: kthread_signal tso -DSTATE=1 -DCONDITION
// wake: kthread_signal_uninterruptible sc -DSTATE=2
// wake: kthread_signal_uninterruptible tso -DSTATE=2
#define THREAD 0
#define WAKER 1
#define KILLER 2
#define TASKS 3
#define WORDS 2
#define COND TASKS
#define SIGNAL (TASKS + 1)
#define LOSS (off_rq[THREAD] && (mem[COND] || mem[SIGNAL]))
#include "kernel.inc"

active proctype thread() {
  byte seen;
  do
  :: load(THREAD, SIGNAL, seen);
     if :: seen -> break :: else fi;
     store_mb(THREAD, THREAD, STATE);
#ifdef CONDITION
     load(THREAD, COND, seen);
#else
     load(THREAD, SIGNAL, seen);
#endif
     if
     :: seen
     :: else ->
        atomic { fenced(THREAD) ->
          if
          :: (mem[THREAD] & 1) && mem[SIGNAL] -> mem[THREAD] = 0
          :: else -> if :: mem[THREAD] != 0 -> off_rq[THREAD] = 1 :: else fi
          fi };
        off_rq[THREAD] == 0
     fi;
     store(THREAD, THREAD, 0);
     load(THREAD, COND, seen);
     if :: seen -> store(THREAD, COND, 0) :: else fi
  od
}
#ifdef CONDITION
active proctype waker() { bit hit; store(WAKER, COND, 1); wake(WAKER, THREAD, 3, hit) }
#endif
active proctype killer() { bit hit; store_mb(KILLER, SIGNAL, 1); wake(KILLER, THREAD, 1, hit) }
init { start_flushers() }
