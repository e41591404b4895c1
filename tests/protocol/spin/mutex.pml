/* A mutex: the waiter queues and sets its state under the mutex's own lock; who lets go wakes the first. KIND 0: three that
 * take it; 1: a thread that takes it, and one who stops the thread with the mutex held; 2: and lets go first.
 * The first that finds it free takes it, whoever was woken. */
// wake: mutex_handover sc
// wake: mutex_handover tso
// wake: kthread_stop_under_mutex sc -DKIND=1
// wake: kthread_stop_under_mutex tso -DKIND=1
// wake: kthread_stop_behind_mutex sc -DKIND=2
// wake: kthread_stop_behind_mutex tso -DKIND=2
// wake: work_flush_under_mutex sc -DKIND=1
// wake: work_flush sc -DKIND=2
#ifndef KIND
#define KIND 0
#endif
#define TASKS 3
#define WORDS 1
#define SHOULD_STOP TASKS
#if KIND == 0
#define LOSS (!ended[0] || !ended[1] || !ended[2])
#else
#define LOSS (!ended[0] || !ended[1])
#endif
bit held;
byte inside;
chan queue = [3] of { byte };
#include "kernel.inc"

inline mutex_lock(me) {
  do
  :: atomic { fenced(me) && !held -> held = 1;
       if :: queue??[eval(me)] -> queue??eval(me); mem[me] = 0 :: else fi };
     break
  :: atomic { fenced(me) && held -> if :: queue??[eval(me)] :: else -> queue!me fi; mem[me] = 2 };
     schedule(me)
  od
}
inline mutex_unlock(me) {
  atomic { fenced(me) -> held = 0; if :: nempty(queue) -> queue?<t> :: else -> t = 3 fi };
  if :: t < 3 -> wake(me, t, 3, hit) :: else fi
}
#if KIND == 0
proctype user(byte me) {
  bit hit;
  byte t;
  mutex_lock(me);
  inside++;
  assert(inside == 1);
  inside--;
  mutex_unlock(me);
  ended[me] = 1
}
#else
active proctype thread() {
  bit hit;
  byte t, seen;
  do
  :: load(0, SHOULD_STOP, seen);
     if :: seen -> break :: else fi;
     mutex_lock(0);
     mutex_unlock(0);
     store_mb(0, 0, 1);
     load(0, SHOULD_STOP, seen);
     if :: seen :: else -> schedule(0) fi;
     store(0, 0, 0)
  od;
  ended[0] = 1
}
active proctype stopper() {
  bit hit;
  byte t;
  mutex_lock(1);
#if KIND == 2
  mutex_unlock(1);
#endif
  store_mb(1, SHOULD_STOP, 1);
  wake(1, 0, 3, hit);
  ended[0];
#if KIND == 1
  mutex_unlock(1);
#endif
  ended[1] = 1
}
#endif
init {
  atomic {
    start_flushers();
#if KIND == 0
    run user(0);
    run user(1);
    run user(2)
#endif
  }
}
