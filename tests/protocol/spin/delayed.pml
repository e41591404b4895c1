/* A delayed work that queues itself, twice at most, and a driver that goes away: it takes PENDING from the timer or from the
 * list; SYNC: and waits until the work does not run before it gives PENDING back. */
// wake: delayed_work_teardown sc -DSYNC
// wake: delayed_work_teardown_no_sync sc
#define DRIVER 0
#define TIMER 1
#define WORKER 2
#define TASKS 3
#define WORDS 4
#define PENDING TASKS
#define ARMED (TASKS + 1)
#define QUEUED (TASKS + 2)
#define RUNNING (TASKS + 3)
#define LOSS false
bit gone;
#include "kernel.inc"

inline queue_delayed(t, seen) {
  exchange(t, PENDING, 1, seen);
  if :: seen == 0 -> mem[ARMED] = 1 :: else fi
}
active proctype driver() {
  byte seen;
  queue_delayed(DRIVER, seen);
  atomic {
    mem[PENDING] == 0 || mem[ARMED] == 1 || mem[QUEUED] == 1 -> mem[PENDING] = 1; mem[ARMED] = 0; mem[QUEUED] = 0
  };
#ifdef SYNC
  mem[RUNNING] == 0;
#endif
  mem[PENDING] = 0;
  gone = 1
}
active proctype timer() {
end:
  do :: atomic { mem[ARMED] == 1 -> mem[ARMED] = 0 }; mem[QUEUED] = 1 od
}
active proctype worker() {
  byte seen, rounds;
end:
  do
  :: atomic { mem[QUEUED] == 1 -> mem[QUEUED] = 0; mem[RUNNING] = 1; mem[PENDING] = 0 };
     assert(!gone);
     if :: rounds < 2 -> rounds++; queue_delayed(WORKER, seen) :: else fi;
     mem[RUNNING] = 0
  od
}
init { start_flushers() }
