/* A bit that says "it is asked for already", and a thread that takes what was asked for: WORK_STRUCT_PENDING, softirqs, a
 * hub's event bits. CLEAR 0: the bit is cleared with a barrier, then the thread looks; 1: without a barrier; 2: it looks,
 * then clears. ALWAYS: who asks wakes in any case. What is asked for is counted, so that one request too few is seen. */
// wake: workqueue_pending sc
// wake: workqueue_pending tso
// wake: workqueue_pending_no_barrier sc -DCLEAR=1
// wake: workqueue_pending_no_barrier tso -DCLEAR=1
// wake: workqueue_pending_late sc -DCLEAR=2
// wake: workqueue_pending_late tso -DCLEAR=2
// wake: work_requeue sc
// wake: work_requeue tso
// wake: ksoftirqd_loop sc -DALWAYS
// wake: ksoftirqd_loop tso -DALWAYS
// wake: ksoftirqd_loop_late_clear sc -DALWAYS -DCLEAR=2
// wake: kthread_clear_first sc -DALWAYS
// wake: kthread_clear_first tso -DALWAYS
// wake: kthread_clear_late sc -DALWAYS -DCLEAR=2
// wake: kthread_clear_late tso -DALWAYS -DCLEAR=2
// wake: kthread_clear_no_barrier sc -DALWAYS -DCLEAR=1
// wake: kthread_clear_no_barrier tso -DALWAYS -DCLEAR=1
// wake: hub_event sc
// wake: hub_event_late_clear sc -DALWAYS -DCLEAR=2
#ifndef CLEAR
#define CLEAR 0
#endif
#define THREAD 0
#define ASKER 1
#define TASKS 3
#define WORDS 3
#define PENDING TASKS
#define QUEUED (TASKS + 1)
#define DATA (TASKS + 2)
#define LOSS (off_rq[THREAD] && (served != mem[DATA] || mem[QUEUED]))
byte served;
#include "kernel.inc"

active proctype thread() {
  byte seen;
  do
  :: store_mb(THREAD, THREAD, 2);
#ifdef ALWAYS
     load(THREAD, PENDING, seen);
#else
     exchange(THREAD, QUEUED, 0, seen);
#endif
     if
     :: seen == 0 -> schedule(THREAD)
     :: else ->
        store(THREAD, THREAD, 0);
#if CLEAR == 0
        store_mb(THREAD, PENDING, 0);
#elif CLEAR == 1
        store(THREAD, PENDING, 0);
#endif
        load(THREAD, DATA, served);
#if CLEAR == 2
        store_mb(THREAD, PENDING, 0)
#endif
     fi;
     seen = 0
  od
}
proctype asker(byte me) {
  byte was;
  bit hit;
  atomic { fenced(me) -> mem[DATA] = mem[DATA] + 1 };
  exchange(me, PENDING, 1, was);
#ifdef ALWAYS
  wake(me, THREAD, 3, hit)
#else
  if
  :: was == 0 -> store_mb(me, QUEUED, 1); wake(me, THREAD, 3, hit)
  :: else
  fi
#endif
}
init { atomic { start_flushers(); run asker(ASKER); run asker(ASKER + 1) } }
