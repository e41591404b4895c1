// SPDX-License-Identifier: GPL-2.0
/*
 * Why: one thread takes what another gives. How the taker goes to sleep is what the scenarios differ in. The giver aims
 * its second item of a round at what the taker is just doing: between its look and its sleep, at work, or asleep.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/sched/task.h>
#include <linux/wait.h>

#include "guestlab.h"

#define POSTS 64
#define POST_OPEN INT_MIN
/* A taker that a wake has reached is back sooner than this. */
#define LANDED_NS (50 * NSEC_PER_MSEC)

enum order { ORDERED, ORDERED_QUEUE, CHECK_FIRST, ENQUEUE_LATE, NESTED };

struct post {
	u64 condition, call, returned;
	int result;
	struct lab_task giver;
};

static struct station {
	enum order order;
	wait_queue_head_t queue;
	struct task_struct *taker, *giver, *viewer;
	struct completion served, watch, giver_gone, taker_gone, viewer_gone;
	unsigned int posted, taken;	/* items; posted by the giver alone, taken by the taker alone */
	unsigned int looks, works;	/* the taker's progress: looks that found nothing, items begun */
	struct post posts[POSTS];
	int queue_result;
	struct hrtimer rescue;
	u64 check, sleep, rescued;
	unsigned int round;
	bool closing;
} station;

struct entry {
	struct wait_queue_entry wait;
	struct station *station;
};

static bool pending(const struct station *s)
{
	return READ_ONCE(s->posted) != READ_ONCE(s->taken) || READ_ONCE(s->closing);
}

static bool by_queue(const struct station *s)
{
	return s->order == ENQUEUE_LATE || s->order == ORDERED_QUEUE;
}

static int entry_wake(struct wait_queue_entry *wait, unsigned int mode, int flags, void *key)
{
	struct entry *entry = container_of(wait, struct entry, wait);

	entry->station->queue_result = default_wake_function(wait, mode, flags, key);
	return entry->station->queue_result;
}

static void post(struct station *s)
{
	unsigned int number = s->posted + 1;
	struct post *p = &s->posts[number % POSTS];
	int result;

	p->result = POST_OPEN;
	p->giver = lab_name(current);
	s->queue_result = s->order == ORDERED_QUEUE ? LAB_UNKNOWN : LAB_NOBODY;
	p->condition = lab_now();
	WRITE_ONCE(s->posted, number);
	smp_mb(); /* the item before the look at the taker's state, as set_current_state() has it on the other side */
	p->call = lab_now();
	if (by_queue(s)) {
		wake_up_interruptible(&s->queue);
		result = s->queue_result;
	} else {
		result = wake_up_process(s->taker);
	}
	p->returned = lab_now();
	smp_store_release(&p->result, result);
	lab_truth_step(s->round, current, "post", result);
}

/* The taker slept although an item was there: was that item's wake gone by then? */
static void judge(struct station *s, unsigned int number, u64 resume, bool timed_out)
{
	struct post *p = &s->posts[number % POSTS];
	int result = smp_load_acquire(&p->result);
	bool lost = result == 0 || result == LAB_NOBODY;
	struct lab_incident incident = {.kind = "lost_wakeup", .cause = "check_before_set_state", .round = s->round};

	if (s->order == NESTED)
		lost = result == 1 && p->call < s->sleep && resume - p->returned > LANDED_NS;
	if (!lost)
		return;
	if (s->order == ENQUEUE_LATE)
		incident.cause = "check_before_add_wait_queue";
	if (s->order == NESTED)
		incident.cause = "state_overwritten_after_wake";
	incident.rescue = "next_item";
	if (timed_out)
		incident.rescue = "timeout";
	else if (s->rescued > s->sleep)
		incident.rescue = lab.rescue_name;
	incident.victim = lab_name(current);
	incident.waker = p->giver;
	incident.check = s->check;
	incident.condition = p->condition;
	incident.wake_call = p->call;
	incident.wake_return = p->returned;
	incident.wake_result = result;
	incident.sleep = s->sleep;
	incident.rescued = s->rescued > s->sleep ? s->rescued : 0;
	incident.resume = resume;
	lab_truth_add(&incident);
}

static void take_rest(struct station *s)
{
	unsigned int number = READ_ONCE(s->posted);
	bool due = pending(s), timed_out = false;
	u64 resume;

	s->sleep = lab_now();
	if (lab.rescue == RESCUE_TIMEOUT && lab.waits)
		timed_out = !schedule_timeout(msecs_to_jiffies(lab_late_ms()));
	else
		schedule();
	resume = lab_now();
	lab_truth_step(s->round, current, "rest", resume - s->sleep);
	if (due)
		judge(s, number, resume, timed_out);
}

/* The look has found nothing; what follows takes a while. */
static void looked(struct station *s)
{
	s->check = lab_now();
	WRITE_ONCE(s->looks, s->looks + 1);
	lab_busy_us(lab.window_us);
}

static void rest_ordered(struct station *s)
{
	for (;;) {
		set_current_state(lab.sleep_state);
		if (pending(s))
			break;
		looked(s);
		take_rest(s);
	}
	__set_current_state(TASK_RUNNING);
}

static void rest_check_first(struct station *s)
{
	while (!pending(s)) {
		looked(s);
		set_current_state(lab.sleep_state);
		take_rest(s);
	}
}

static void rest_enqueue_late(struct station *s)
{
	struct entry entry = {.station = s};

	init_waitqueue_func_entry(&entry.wait, entry_wake);
	entry.wait.private = current;
	while (!pending(s)) {
		looked(s);
		add_wait_queue(&s->queue, &entry.wait);
		set_current_state(TASK_INTERRUPTIBLE);
		take_rest(s);
		__set_current_state(TASK_RUNNING);
		remove_wait_queue(&s->queue, &entry.wait);
	}
}

/* The state is right at the look, and set once more behind it, as an inner wait would leave it. */
static void rest_nested(struct station *s)
{
	for (;;) {
		set_current_state(lab.sleep_state);
		if (pending(s))
			break;
		looked(s);
		set_current_state(lab.sleep_state);
		take_rest(s);
	}
	__set_current_state(TASK_RUNNING);
}

static void rest(struct station *s)
{
	switch (s->order) {
	case ORDERED:
		rest_ordered(s);
		break;
	case ORDERED_QUEUE:
		WRITE_ONCE(s->looks, s->looks + 1);
		wait_event_interruptible(s->queue, pending(s));
		break;
	case CHECK_FIRST:
		rest_check_first(s);
		break;
	case ENQUEUE_LATE:
		rest_enqueue_late(s);
		break;
	case NESTED:
		rest_nested(s);
		break;
	}
}

static int taker_thread(void *data)
{
	struct station *s = data;

	while (!READ_ONCE(s->closing)) {
		unsigned int number;

		rest(s);
		number = READ_ONCE(s->posted);
		if (number == s->taken)
			continue;
		WRITE_ONCE(s->works, s->works + 1);
		lab_busy_us(lab.work_us);
		WRITE_ONCE(s->taken, number);
		if (!lab.silent)
			complete(&s->served);
	}
	complete(&s->taker_gone);
	return 0;
}

static void nudge(struct station *s)
{
	if (!pending(s) || READ_ONCE(s->taker->__state) == TASK_RUNNING)
		return;
	s->rescued = lab_now();
	wake_up_process(s->taker);
}

static enum hrtimer_restart station_look(struct hrtimer *timer)
{
	nudge(container_of(timer, struct station, rescue));
	return HRTIMER_NORESTART;
}

static int viewer_thread(void *data)
{
	struct station *s = data;

	for (;;) {
		wait_for_completion(&s->watch);
		if (READ_ONCE(s->closing))
			break;
		msleep(lab_late_ms());
		nudge(s);
	}
	complete(&s->viewer_gone);
	return 0;
}

static void post_aimed(struct station *s)
{
	unsigned int looks = READ_ONCE(s->looks), works = READ_ONCE(s->works);
	unsigned int aim = lab_random(0, 3);

	post(s);
	if (aim < 2)
		lab_await(&s->looks, looks);
	else if (aim == 2)
		lab_await(&s->works, works);
	else
		lab_nap_us(lab.work_us + 3 * lab.window_us);
	lab_busy_us(lab_random(1, (aim == 2 ? lab.work_us : lab.window_us) / 2));
	post(s);
}

static int giver_thread(void *data)
{
	struct station *s = data;

	for (s->round = 0; s->round < lab.rounds; s->round++) {
		msleep(lab_random(lab.gap_ms, 2 * lab.gap_ms));
		post_aimed(s);
		if (!lab.waits) {
			msleep(lab_late_ms());
			continue;
		}
		if (lab.rescue == RESCUE_HRTIMER)
			hrtimer_start(&s->rescue, ms_to_ktime(lab_late_ms()), HRTIMER_MODE_REL);
		if (lab.rescue == RESCUE_THREAD)
			complete(&s->watch);
		while (READ_ONCE(s->taken) != s->posted)
			wait_for_completion(&s->served);
		hrtimer_cancel(&s->rescue);
	}
	complete(&s->giver_gone);
	return 0;
}

static void close_station(struct station *s)
{
	/* The taker rests by then: a loss of this last wake would be in no incident. */
	lab_nap_us(2 * lab.work_us + 4 * lab.window_us);
	WRITE_ONCE(s->closing, true);
	do {
		wake_up_process(s->taker);
	} while (!wait_for_completion_timeout(&s->taker_gone, HZ / 10));
	if (s->viewer) {
		complete(&s->watch);
		wait_for_completion(&s->viewer_gone);
		put_task_struct(s->viewer);
	}
	put_task_struct(s->taker);
}

static int run(enum order order)
{
	struct station *s = &station;

	s->order = order;
	init_waitqueue_head(&s->queue);
	init_completion(&s->served);
	init_completion(&s->watch);
	init_completion(&s->giver_gone);
	init_completion(&s->taker_gone);
	init_completion(&s->viewer_gone);
	hrtimer_setup(&s->rescue, station_look, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	s->taker = lab_spawn(taker_thread, s, lab.sleeper, 0, lab.sleeper_cpu, "sleeper");
	if (!s->taker)
		return -ENOMEM;
	if (lab.rescue == RESCUE_THREAD && lab.waits)
		s->viewer = lab_spawn(viewer_thread, s, lab.third, 0, -1, "rescuer");
	msleep(50);
	s->giver = lab_spawn(giver_thread, s, lab.waker, 0, lab.waker_cpu, "producer");
	if (s->giver) {
		wait_for_completion(&s->giver_gone);
		put_task_struct(s->giver);
	}
	close_station(s);
	return s->giver ? 0 : -ENOMEM;
}

int lab_run_ordered(void)
{
	return run(ORDERED);
}

int lab_run_ordered_queue(void)
{
	return run(ORDERED_QUEUE);
}

int lab_run_check_first(void)
{
	return run(CHECK_FIRST);
}

int lab_run_enqueue_late(void)
{
	return run(ENQUEUE_LATE);
}

int lab_run_nested(void)
{
	return run(NESTED);
}
