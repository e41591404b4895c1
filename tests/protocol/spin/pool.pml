/* Two works in one pool; the first waits for the second. Workers under concurrency management: one that goes to sleep kicks
 * an idle one (not with NO_KICK), and the last idle one makes another before it starts to work (not with NO_RESERVE). */
// wake: workqueue_pool sc
// wake: workqueue_pool tso
// wake: workqueue_pool_no_kick sc -DNO_KICK
// wake: workqueue_pool_no_kick tso -DNO_KICK
// wake: workqueue_pool_no_reserve sc -DNO_RESERVE
// wake: workqueue_pool_no_reserve tso -DNO_RESERVE
// wake: workqueue_dependency sc
// wake: workqueue_dependency tso
// wake: workqueue_dependency_one_worker sc -DNO_RESERVE
// wake: workqueue_dependency_one_worker tso -DNO_RESERVE
#define QUEUER 2
#define TASKS 3
#define WORDS 1
#define LOCK TASKS
#define LOSS (!done)
/* Under the pool's lock: */
bit first, second;
byte running;
bit idle[2];
bit made;
/* The second work's completion: */
bit second_done, queued, done;
byte waiter;
#include "kernel.inc"

#define need_more ((first || second) && running == 0)
inline kick(me) {
  t = (idle[0] -> 0 : (idle[1] -> 1 : 2));
  if :: t < 2 -> wake(me, t, 3, hit) :: else fi
}
inline run_first(me) {
  lock(me, LOCK);
  running--;
#ifndef NO_KICK
  if :: need_more -> kick(me) :: else fi;
#endif
  unlock(me, LOCK);
  do
  :: atomic { fenced(me) && second_done -> mem[me] = 0; queued = 0 }; break
  :: atomic { fenced(me) && !second_done -> queued = 1; waiter = me; mem[me] = 2 }; schedule(me)
  od;
  done = 1;
  lock(me, LOCK);
  running++;
  unlock(me, LOCK)
}
inline run_second(me) {
  atomic { fenced(me) -> second_done = 1; sleeper = (queued -> waiter : 2); queued = 0 };
  if :: sleeper < 2 -> wake(me, sleeper, 3, hit) :: else fi
}
proctype worker(byte me) {
  bit hit, more, mine;
  byte t, sleeper;
  if :: me == 1 -> made :: else fi;
  do
  :: lock(me, LOCK);
     idle[me] = 0;
     more = need_more;
#ifndef NO_RESERVE
     if
     :: more && !idle[0] && !idle[1] && !made ->
        unlock(me, LOCK);
        made = 1;
        lock(me, LOCK);
        more = need_more
     :: else
     fi;
#endif
     if
     :: more ->
        running++;
        do
        :: more ->
           atomic { mine = first; if :: first -> first = 0 :: else -> second = 0 fi };
           unlock(me, LOCK);
           if :: mine -> run_first(me) :: else -> run_second(me) fi;
           lock(me, LOCK);
           more = (first || second) && running <= 1
        :: else -> break
        od;
        running--
     :: else
     fi;
     idle[me] = 1;
     store(me, me, 2);
     unlock(me, LOCK);
     schedule(me)
  od
}
inline insert(me, work) {
  lock(me, LOCK);
  work = 1;
  if :: need_more -> kick(me) :: else fi;
  unlock(me, LOCK)
}
active proctype queuer() {
  bit hit;
  byte t;
  insert(QUEUER, first);
  insert(QUEUER, second)
}
init { atomic { start_flushers(); run worker(0); run worker(1) } }
