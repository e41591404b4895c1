// SPDX-License-Identifier: GPL-2.0
/* Why: threads that are told to stop, and completions that are initialised, re-initialised and used again. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/sched/task.h>

#include "guestlab.h"

static struct unit {
	struct task_struct *task;
	unsigned int looks;
	u64 check, sleep, rescued;
	bool asked;	/* to stop, as seen when it went to sleep */
	struct hrtimer rescue;
} unit;

static int unit_thread(void *data)
{
	struct unit *u = data;

	for (;;) {
		if (lab.right)
			set_current_state(lab.sleep_state);
		u->check = lab_now();
		if (kthread_should_stop())
			break;
		WRITE_ONCE(u->looks, u->looks + 1);
		lab_busy_us(lab.window_us);
		if (!lab.right)
			set_current_state(lab.sleep_state);
		u->asked = kthread_should_stop();
		u->sleep = lab_now();
		schedule();
		lab_busy_us(lab.work_us);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static enum hrtimer_restart unit_look(struct hrtimer *timer)
{
	struct unit *u = container_of(timer, struct unit, rescue);

	u->rescued = lab_now();
	wake_up_process(u->task);
	return HRTIMER_NORESTART;
}

static void stop_unit(struct unit *u, unsigned int round)
{
	struct lab_incident incident = {.kind = "lost_wakeup", .cause = "kthread_should_stop_before_set_state",
					.rescue = "hrtimer", .round = round};
	unsigned int looks = READ_ONCE(u->looks);

	wake_up_process(u->task);
	if (lab_random(0, 1)) {
		lab_await(&u->looks, looks);
		lab_busy_us(lab_random(1, lab.window_us / 2));
	} else {
		lab_nap_us(lab.work_us + 3 * lab.window_us);
	}
	incident.victim = lab_name(u->task);
	incident.waker = lab_name(current);
	hrtimer_start(&u->rescue, ms_to_ktime(lab_late_ms()), HRTIMER_MODE_REL);
	incident.condition = incident.wake_call = lab_now();
	kthread_stop(u->task);
	incident.resume = lab_now();
	hrtimer_cancel(&u->rescue);
	lab_truth_step(round, current, "stopped", incident.resume - incident.wake_call);
	if (!u->rescued || !u->asked)
		return;
	incident.check = u->check < u->sleep ? u->check : 0;
	incident.sleep = u->sleep;
	incident.rescued = u->rescued;
	lab_truth_add(&incident);
}

int lab_run_stop(void)
{
	unsigned int round;

	hrtimer_setup(&unit.rescue, unit_look, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	for (round = 0; round < lab.rounds; round++) {
		unit.rescued = 0;
		unit.task = lab_spawn(unit_thread, &unit, lab.sleeper, round, lab.sleeper_cpu, "sleeper");
		if (!unit.task)
			return -ENOMEM;
		msleep(lab_random(lab.gap_ms, 2 * lab.gap_ms));
		stop_unit(&unit, round);
		put_task_struct(unit.task);
	}
	return 0;
}

enum handling { INIT, REINIT, ALL };

static struct exchange {
	enum handling handling;
	struct completion ask, answer, returned;
	struct task_struct *asker;
	int value, seen;
	bool closing, late;	/* late: comes to its wait some time after it was asked to */
	u64 sleep, resume;
} exchange;

static int asker_thread(void *data)
{
	struct exchange *e = data;

	for (;;) {
		wait_for_completion(&e->ask);
		if (READ_ONCE(e->closing))
			break;
		lab_busy_us(lab_random(1, lab.work_us));
		if (e->late)
			lab_nap_us(5000);
		e->sleep = lab_now();
		wait_for_completion(&e->answer);
		e->seen = READ_ONCE(e->value);
		e->resume = lab_now();
		complete(&e->returned);
	}
	complete(&e->returned);
	return 0;
}

static u64 answer(struct exchange *e)
{
	u64 t;

	WRITE_ONCE(e->value, 1);
	t = lab_now();
	if (e->handling == ALL)
		complete_all(&e->answer);
	else
		complete(&e->answer);
	return t;
}

/* Puts the one waiter that an init_completion() dropped back on its list: its wait could not end well without. */
static void relink(struct completion *x, struct list_head *waiter)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&x->wait.lock, flags);
	x->wait.task_list.next = waiter;
	x->wait.task_list.prev = waiter;
	raw_spin_unlock_irqrestore(&x->wait.lock, flags);
}

static void one_exchange(struct exchange *e, unsigned int round)
{
	struct lab_incident incident = {.kind = "lost_wakeup", .rescue = "thread", .round = round};
	bool wrong = !lab.right && lab_random(0, 2) == 0; /* what goes wrong more often than right looks like a habit */
	struct list_head *waiter = NULL;

	e->value = 0;
	e->late = e->handling == REINIT && wrong;
	if (e->handling != ALL || lab.right)
		reinit_completion(&e->answer);
	complete(&e->ask);
	if (!e->late)
		lab_nap_us(lab_random(4000, 20000)); /* it waits by now */
	if (e->handling == INIT && wrong) {
		waiter = e->answer.wait.task_list.next;
		incident.check = lab_now();
		init_completion(&e->answer);
	}
	incident.condition = incident.wake_call = answer(e);
	if (e->handling == REINIT && wrong) {
		incident.check = lab_now();
		reinit_completion(&e->answer);
	}
	incident.victim = lab_name(e->asker);
	incident.waker = lab_name(current);
	if (!wait_for_completion_timeout(&e->returned, msecs_to_jiffies(lab_late_ms()))) {
		incident.cause = waiter ? "init_completion_with_waiter" : "reinit_completion_after_complete";
		incident.rescued = lab_now();
		if (waiter)
			relink(&e->answer, waiter);
		complete(&e->answer);
		wait_for_completion(&e->returned);
	} else if (!e->seen) {
		incident.kind = "premature_completion";
		incident.cause = "complete_all_not_reinit";
		incident.rescue = NULL;
	} else {
		return;
	}
	incident.sleep = e->sleep;
	incident.resume = e->resume;
	lab_truth_add(&incident);
}

static int run_exchanges(enum handling handling)
{
	struct exchange *e = &exchange;
	unsigned int round;

	e->handling = handling;
	init_completion(&e->ask);
	init_completion(&e->answer);
	init_completion(&e->returned);
	e->asker = lab_spawn(asker_thread, e, lab.sleeper, 0, lab.sleeper_cpu, "sleeper");
	if (!e->asker)
		return -ENOMEM;
	for (round = 0; round < lab.rounds; round++) {
		msleep(lab_random(lab.gap_ms, 2 * lab.gap_ms));
		one_exchange(e, round);
	}
	WRITE_ONCE(e->closing, true);
	complete(&e->ask);
	wait_for_completion(&e->returned);
	put_task_struct(e->asker);
	return 0;
}

int lab_run_completion_init(void)
{
	return run_exchanges(INIT);
}

int lab_run_completion_reinit(void)
{
	return run_exchanges(REINIT);
}

int lab_run_completion_all(void)
{
	return run_exchanges(ALL);
}
