/* A journal's thread, who waits for a commit and who ends it. EARLY: the wake comes before what is
 * waited for, and nobody ends it. */
// wake: jbd2_commit sc
// wake: jbd2_commit tso
// wake: jbd2_commit_early_wake sc -DEARLY
// wake: jbd2_commit_early_wake tso -DEARLY
#define THREAD 0
#define FSYNC 1
#define UMOUNT 2
#define TASKS 3
#define WORDS 6
#define STATE_LOCK TASKS
#define QUEUE_LOCK (TASKS + 1)
#define REQUEST (TASKS + 2)
#define COMMITTED (TASKS + 3)
#define UNMOUNT (TASKS + 4)
#define GONE (TASKS + 5)
#ifdef EARLY
#define LOSS !ended[FSYNC]
#else
#define LOSS (!ended[THREAD] || !ended[FSYNC] || !ended[UMOUNT])
#endif
#include "kernel.inc"
bit queued[3];

inline wake_waiter(me, t) {
  if :: queued[t] -> wake(me, t, 3, hit); queued[t] = 0 :: else fi
}
inline wake_done(me) {
  lock(me, QUEUE_LOCK);
  wake_waiter(me, FSYNC);
  wake_waiter(me, UMOUNT);
  unlock(me, QUEUE_LOCK)
}
active proctype thread() {
  byte seen;
  bit hit;
  do
  :: lock(THREAD, STATE_LOCK);
     load(THREAD, UNMOUNT, seen);
     if :: seen -> break :: else fi;
     load(THREAD, REQUEST, seen);
     if
     :: seen ->
        unlock(THREAD, STATE_LOCK);
        store(THREAD, REQUEST, 0);
#ifdef EARLY
        wake_done(THREAD);
        store(THREAD, COMMITTED, 1)
#else
        store(THREAD, COMMITTED, 1);
        wake_done(THREAD)
#endif
     :: else ->
        atomic { fenced(THREAD) -> queued[THREAD] = 1; mem[THREAD] = 1 };
        unlock(THREAD, STATE_LOCK);
        schedule(THREAD);
        store(THREAD, THREAD, 0)
     fi
  od;
  store(THREAD, GONE, 1);
  unlock(THREAD, STATE_LOCK);
  wake_done(THREAD);
  ended[THREAD] = 1
}
inline ask(me, what) {
  lock(me, STATE_LOCK);
  store(me, what, 1);
  wake(me, THREAD, 3, hit);
  unlock(me, STATE_LOCK)
}
inline wait_done(me) {
  do
  :: atomic { fenced(me) && mem[QUEUE_LOCK] == 0 -> queued[me] = 1; mem[me] = 2 };
     load(me, GONE, seen);
     if :: seen == 0 && me == FSYNC -> load(me, COMMITTED, seen) :: else fi;
     if :: seen -> break :: else fi;
     schedule(me)
  od;
  store(me, me, 0);
  atomic { fenced(me) && mem[QUEUE_LOCK] == 0 -> queued[me] = 0 };
  ended[me] = 1
}
active proctype fsync() { bit hit; byte seen; ask(FSYNC, REQUEST); wait_done(FSYNC) }
#ifndef EARLY
active proctype umount() { bit hit; byte seen; ask(UMOUNT, UNMOUNT); wait_done(UMOUNT) }
#endif
init { start_flushers() }
