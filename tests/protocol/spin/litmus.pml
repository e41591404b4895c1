/* Two sides that store and then look at what the other stores; at least one has to see the other.
 * WAITER 1: store, barrier, look; 2: store, look; 4: two stores and a barrier under a lock, look; 6: a store under a lock,
 * look; 7: look and store under the lock. WAKER 1: barrier in front of the look; 2: no barrier; 7: under the lock. */
// wake: litmus_sleep1 sc -DWAITER=1 -DWAKER=1
// wake: litmus_sleep1 tso -DWAITER=1 -DWAKER=1
// wake: litmus_sleep2 sc -DWAITER=2 -DWAKER=1
// wake: litmus_sleep2 tso -DWAITER=2 -DWAKER=1
// wake: litmus_sleep4 sc -DWAITER=4 -DWAKER=2
// wake: litmus_sleep4 tso -DWAITER=4 -DWAKER=2
// wake: litmus_sleep5 sc -DWAITER=4 -DWAKER=1
// wake: litmus_sleep5 tso -DWAITER=4 -DWAKER=1
// wake: litmus_sleep6 sc -DWAITER=6 -DWAKER=1
// wake: litmus_sleep6 tso -DWAITER=6 -DWAKER=1
// wake: litmus_sleep7 sc -DWAITER=7 -DWAKER=7
// wake: litmus_sleep7 tso -DWAITER=7 -DWAKER=7
#define P0 0
#define P1 1
#define TASKS 2
#define WORDS 4
#define MINE TASKS
#define YOURS (TASKS + 1)
#define LOCK (TASKS + 2)
#define OTHER (TASKS + 3)
#define LOSS (ended[P0] && ended[P1] && missed == 2)
byte missed;
#include "kernel.inc"

active proctype waiter() {
  byte r;
#if WAITER == 1
  store_mb(P0, MINE, 1);
  load(P0, YOURS, r);
#elif WAITER == 2
  store(P0, MINE, 1);
  load(P0, YOURS, r);
#elif WAITER == 4
  lock(P0, LOCK);
  store(P0, MINE, 1);
  store_mb(P0, OTHER, 1);
  unlock(P0, LOCK);
  load(P0, YOURS, r);
#elif WAITER == 6
  lock(P0, LOCK);
  store(P0, MINE, 1);
  unlock(P0, LOCK);
  load(P0, YOURS, r);
#else
  lock(P0, LOCK);
  load(P0, YOURS, r);
  store(P0, MINE, 1);
  unlock(P0, LOCK);
#endif
  atomic { if :: r == 0 -> missed++ :: else fi; ended[P0] = 1 }
}
active proctype waker() {
  byte r;
#if WAKER == 7
  lock(P1, LOCK);
  store(P1, YOURS, 1);
  load(P1, MINE, r);
  unlock(P1, LOCK);
#else
  store(P1, YOURS, 1);
#if WAKER == 1
  barrier(P1);
#endif
  load(P1, MINE, r);
#endif
  atomic { if :: r == 0 -> missed++ :: else fi; ended[P1] = 1 }
}
init { start_flushers() }
