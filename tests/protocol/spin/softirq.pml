/* A softirq raised by a task: with ksoftirqd woken, and without (ONLY_BIT). */
// wake: ksoftirqd_raise sc
// wake: ksoftirqd_raise tso
// wake: ksoftirqd_raise_irqoff sc -DONLY_BIT
// wake: ksoftirqd_raise_irqoff tso -DONLY_BIT
#define KSOFTIRQD 0
#define SENDER 1
#define TASKS 2
#define WORDS 1
#define PENDING TASKS
#define LOSS (off_rq[KSOFTIRQD] && mem[PENDING])
#include "kernel.inc"

active proctype ksoftirqd() {
  byte seen;
  do
  :: store_mb(KSOFTIRQD, KSOFTIRQD, 1);
     load(KSOFTIRQD, PENDING, seen);
     if
     :: seen -> store(KSOFTIRQD, KSOFTIRQD, 0); store_mb(KSOFTIRQD, PENDING, 0)
     :: else -> schedule(KSOFTIRQD)
     fi
  od
}
active proctype sender() {
  bit hit;
  store_mb(SENDER, PENDING, 1);
#ifndef ONLY_BIT
  wake(SENDER, KSOFTIRQD, 3, hit)
#endif
}
init { start_flushers() }
