/* The loop of a kernel thread against wakers and kthread_stop().
 * ORDER 0: state, look, schedule; 1: look, state, schedule; 2: state without barrier; 3: state, schedule without a look;
 * 4: the stop is looked at in front of the state only; 5: the thread may end by itself. LOOK: the waker wakes only who it sees asleep. NOWAKE: stop without a wake. */
// wake: kthread_loop sc -DSTOP
// wake: kthread_loop tso -DSTOP
// wake: kthread_wakers sc -DSTOP -DWAKERS=3
// wake: kthread_wakers tso -DSTOP -DWAKERS=3
// wake: kthread_wakers/1 tso -DSTOP -DWAKERS=1
// wake: kthread_wakers/2 tso -DSTOP -DWAKERS=2
// wake: kthread_wakers/4 tso -DSTOP -DWAKERS=4
// wake: kthread_wakers/5 tso -DSTOP -DWAKERS=5
// wake: kthread_wakers/6 tso -DSTOP -DWAKERS=6
// wake: kthread_check_before_set sc -DORDER=1
// wake: kthread_check_before_set tso -DORDER=1
// wake: irq_thread_late_state sc -DORDER=1 -DWAKERS=2
// wake: kthread_no_recheck sc -DORDER=3
// wake: kthread_set_without_barrier sc -DORDER=2
// wake: kthread_set_without_barrier tso -DORDER=2
// wake: kthread_waker_looks_first sc -DLOOK
// wake: kthread_waker_looks_first tso -DLOOK
// wake: kthread_stop_check_before_set sc -DORDER=4 -DSTOP -DWAKERS=0
// wake: kthread_stop_condition_only sc -DORDER=4 -DSTOP
// wake: kthread_stop_condition_only tso -DORDER=4 -DSTOP
// wake: kthread_stop_flag_without_wake sc -DSTOP -DNOWAKE -DWAKERS=0
// wake: mykthread tso -DSTOP
// wake: mykthread_plain_schedule sc -DORDER=3 -DSTOP -DWAKERS=0
// wake: irq_thread tso -DSTOP
#ifndef ORDER
#define ORDER 0
#endif
#ifndef WAKERS
#define WAKERS 1
#endif
#define THREAD 0
#define STOPPER 1
#define WAKER 2
#define TASKS (2 + WAKERS)
#define WORDS 2
#define COND TASKS
#define SHOULD_STOP (TASKS + 1)
#define LOSS ((off_rq[THREAD] && mem[COND]) || (!ended[THREAD] && mem[SHOULD_STOP]))
#include "kernel.inc"

active proctype thread() {
  byte seen;
  do
  ::
#if ORDER == 1 || ORDER == 4
     load(THREAD, SHOULD_STOP, seen);
     if :: seen -> break :: else fi;
#endif
#if ORDER == 1
     load(THREAD, COND, seen);
     if :: seen -> store(THREAD, COND, 0); goto again :: else fi;
#endif
#if ORDER == 2
     store(THREAD, THREAD, 1);
#else
     store_mb(THREAD, THREAD, 1);
#endif
#if ORDER == 0 || ORDER == 2
     load(THREAD, SHOULD_STOP, seen);
     if :: seen -> store(THREAD, THREAD, 0); break :: else fi;
#endif
#if ORDER == 0 || ORDER == 2 || ORDER == 4
     load(THREAD, COND, seen);
     if :: seen -> store(THREAD, THREAD, 0); store(THREAD, COND, 0); goto again :: else fi;
#endif
     schedule(THREAD);
#if ORDER == 3
     load(THREAD, COND, seen);
     if :: seen -> store(THREAD, COND, 0) :: else fi;
     load(THREAD, SHOULD_STOP, seen);
     if :: seen -> break :: else fi;
#endif
again:
     seen = 0
  od;
  ended[THREAD] = 1
}

proctype waker(byte me) {
  bit hit;
#ifdef LOOK
  byte seen;
#endif
#ifdef LOOK
  store(me, COND, 1);
  load(me, THREAD, seen);
  if :: seen -> wake(me, THREAD, 3, hit) :: else fi
#else
  store_mb(me, COND, 1); /* a plain store comes to the same: the lock that follows waits for it */
  wake(me, THREAD, 3, hit)
#endif
}

#ifdef STOP
active proctype stopper() {
  bit hit;
  store_mb(STOPPER, SHOULD_STOP, 1);
#ifndef NOWAKE
  wake(STOPPER, THREAD, 3, hit);
#endif
  ended[THREAD]
}
#endif

init {
  atomic {
    start_flushers();
    byte i = 0;
    do :: i < WAKERS -> run waker(WAKER + i); i++ :: else -> break od
  }
}
