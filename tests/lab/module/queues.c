// SPDX-License-Identifier: GPL-2.0
/* Why: wait queues whose wake goes astray: an exclusive waiter leaves with it, a mask fits nobody. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/sched/task.h>
#include <linux/wait.h>

#include "guestlab.h"

static DECLARE_WAIT_QUEUE_HEAD(queue);
static atomic_t items;

struct taker {
	struct task_struct *task;
	struct completion enter, left;
	unsigned int state;
	unsigned int rests;	/* times that it was about to sleep on the queue */
	bool exclusive, leave, closing;
	u64 sleep, resume, gone;
};
static struct taker first, second;

static void queue_up(struct taker *t, struct wait_queue_entry *wait)
{
	if (t->exclusive)
		prepare_to_wait_exclusive(&queue, wait, t->state);
	else
		prepare_to_wait(&queue, wait, t->state);
}

/* It has had a wake that was meant for one. The waker takes it off after the wake, with the lock held. */
static bool taken_off(struct wait_queue_entry *wait)
{
	bool off;

	spin_lock_irq(&queue.lock);
	off = list_empty(&wait->entry);
	spin_unlock_irq(&queue.lock);
	return off;
}

static void take_one(struct taker *t)
{
	DEFINE_WAIT(wait);
	bool left, handed = false;

	for (;;) {
		queue_up(t, &wait);
		left = READ_ONCE(t->leave);
		if (left || atomic_dec_if_positive(&items) >= 0)
			break;
		t->sleep = lab_now();
		WRITE_ONCE(t->rests, t->rests + 1);
		schedule();
		t->resume = lab_now();
		handed = taken_off(&wait);
	}
	finish_wait(&queue, &wait);
	if (left && handed && lab.right)
		wake_up_interruptible(&queue);
	t->gone = lab_now();
	lab_busy_us(left ? 1 : lab.work_us);
}

static int taker_thread(void *data)
{
	struct taker *t = data;

	for (;;) {
		wait_for_completion(&t->enter);
		if (READ_ONCE(t->closing))
			break;
		take_one(t);
		complete(&t->left);
	}
	complete(&t->left);
	return 0;
}

/* Lets `t` enter, and returns when it is on the queue. */
static void let_in(struct taker *t)
{
	unsigned int rests = READ_ONCE(t->rests);

	complete(&t->enter);
	lab_await(&t->rests, rests);
}

static bool open_taker(struct taker *t, const char *name, const char *role, unsigned int state, bool exclusive)
{
	init_completion(&t->enter);
	init_completion(&t->left);
	t->state = state;
	t->exclusive = exclusive;
	t->task = lab_spawn(taker_thread, t, name, 0, lab.sleeper_cpu, role);
	return t->task;
}

static void close_taker(struct taker *t)
{
	if (!t->task)
		return;
	WRITE_ONCE(t->closing, true);
	complete(&t->enter);
	wait_for_completion(&t->left);
	put_task_struct(t->task);
}

/* Waits for `t` to leave; when it does not, wakes whoever sleeps on the queue, and writes down what happened. */
static void see_off(struct taker *t, struct lab_incident *incident)
{
	if (wait_for_completion_timeout(&t->left, msecs_to_jiffies(lab_late_ms())))
		return;
	incident->kind = "lost_wakeup";
	incident->rescue = "thread";
	incident->victim = lab_name(t->task);
	incident->waker = lab_name(current);
	incident->sleep = t->sleep;
	incident->rescued = lab_now();
	wake_up(&queue);
	wait_for_completion(&t->left);
	incident->resume = t->resume;
	lab_truth_add(incident);
}

static void exclusive_round(unsigned int round)
{
	struct lab_incident incident = {.cause = "exclusive_waiter_left", .round = round, .wake_result = 1};
	bool leaves = lab_random(0, 1);

	WRITE_ONCE(first.leave, false);
	let_in(&first);
	let_in(&second);
	msleep(lab_random(lab.gap_ms, 2 * lab.gap_ms));
	if (!leaves) {
		atomic_inc(&items);
		wake_up_interruptible(&queue);
		wait_for_completion(&first.left);
		lab_nap_us(lab_random(500, 4000));
	} else {
		WRITE_ONCE(first.leave, true);
	}
	incident.condition = lab_now();
	atomic_inc(&items);
	incident.wake_call = lab_now();
	wake_up_interruptible(&queue);
	incident.wake_return = lab_now();
	if (leaves) {
		while (!wait_for_completion_timeout(&first.left, HZ))
			wake_up_all(&queue); /* it had come to the queue too late to be the first there */
		incident.check = first.gone;
	}
	see_off(&second, &incident);
}

int lab_run_exclusive(void)
{
	bool open = open_taker(&first, lab.third, "leaver", TASK_INTERRUPTIBLE, true) &&
		    open_taker(&second, lab.sleeper, "sleeper", TASK_INTERRUPTIBLE, true);
	unsigned int round;

	for (round = 0; open && round < lab.rounds; round++) {
		exclusive_round(round);
		msleep(lab_random(lab.gap_ms, 2 * lab.gap_ms));
	}
	close_taker(&first);
	close_taker(&second);
	return open ? 0 : -ENOMEM;
}

int lab_run_mask(void)
{
	bool open = open_taker(&second, lab.sleeper, "sleeper", TASK_UNINTERRUPTIBLE, false);
	unsigned int round;

	for (round = 0; open && round < lab.rounds; round++) {
		struct lab_incident incident = {.cause = "wrong_state_mask", .round = round, .wake_result = 0};

		let_in(&second);
		msleep(lab_random(lab.gap_ms, 2 * lab.gap_ms));
		incident.condition = lab_now();
		atomic_inc(&items);
		incident.wake_call = lab_now();
		if (lab.right || lab_random(0, 1))
			wake_up(&queue);
		else
			wake_up_interruptible(&queue);
		incident.wake_return = lab_now();
		see_off(&second, &incident);
	}
	close_taker(&second);
	return open ? 0 : -ENOMEM;
}
