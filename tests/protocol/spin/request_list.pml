/* kthreadd's loop, and a kthread_worker's: requests under a lock, taken one by one. FIRST: the list is looked at in front of
 * the state. IDLE: who queues wakes only a thread that runs nothing. */
// wake: kthreadd_loop sc
// wake: kthreadd_loop tso
// wake: kthreadd_loop_list_first sc -DFIRST
// wake: kthreadd_loop_list_first tso -DFIRST
// wake: kthread_worker sc -DIDLE
// wake: kthread_worker tso -DIDLE
#define THREAD 0
#define CREATOR 1
#define TASKS 3
#define WORDS 3
#define LOCK TASKS
#define REQUESTS (TASKS + 1)
#define BUSY (TASKS + 2)
#define LOSS (off_rq[THREAD] && mem[REQUESTS])
#include "kernel.inc"

inline take_all() {
  lock(THREAD, LOCK);
  load(THREAD, REQUESTS, n);
  do
  :: n > 0 ->
     store(THREAD, REQUESTS, n - 1);
     unlock(THREAD, LOCK);
     lock(THREAD, LOCK);
     load(THREAD, REQUESTS, n)
  :: else -> break
  od;
  unlock(THREAD, LOCK)
}
active proctype thread() {
  byte n;
  do
  ::
#ifdef FIRST
     take_all();
     store_mb(THREAD, THREAD, 1);
     schedule(THREAD)
#else
     store_mb(THREAD, THREAD, 1);
#ifdef IDLE
     lock(THREAD, LOCK);
     store(THREAD, BUSY, 0);
     load(THREAD, REQUESTS, n);
     if :: n > 0 -> store(THREAD, REQUESTS, n - 1); store(THREAD, BUSY, 1) :: else fi;
     unlock(THREAD, LOCK);
     if :: n > 0 -> store(THREAD, THREAD, 0) :: else -> schedule(THREAD) fi
#else
     load(THREAD, REQUESTS, n);
     if :: n > 0 :: else -> schedule(THREAD) fi;
     store(THREAD, THREAD, 0);
     take_all()
#endif
#endif
  od
}
proctype creator(byte me) {
  byte n;
  bit hit;
  lock(me, LOCK);
  load(me, REQUESTS, n);
  store(me, REQUESTS, n + 1);
#ifdef IDLE
  load(me, BUSY, n);
  if :: n == 0 -> wake(me, THREAD, 3, hit) :: else fi;
  unlock(me, LOCK)
#else
  unlock(me, LOCK);
  wake(me, THREAD, 3, hit)
#endif
}
init { atomic { start_flushers(); run creator(CREATOR); run creator(CREATOR + 1) } }
