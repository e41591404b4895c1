// SPDX-License-Identifier: GPL-2.0
/* Why: wakes that something else should have made later: a timer, delayed work, ksoftirqd, a pool of workers. */
#include <linux/bottom_half.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/workqueue.h>

#include "guestlab.h"

/* A softirq or work item that is late by more than this was left to chance. */
#define LATE_NS (300 * NSEC_PER_USEC)
#define PERIODS_BETWEEN 6

static void period_over(struct timer_list *timer);
static void period_work(struct work_struct *work);

/* A thread that does something once a period, woken by a timer or by delayed work that it arms itself. */
static struct clockwork {
	struct task_struct *task;
	struct timer_list timer;
	struct delayed_work work;
	struct completion gone;
	bool by_work, due, closing;
	u64 sleep, resume;
} clockwork;

static void arm(struct clockwork *c)
{
	if (c->by_work)
		schedule_delayed_work(&c->work, msecs_to_jiffies(lab.gap_ms));
	else
		mod_timer(&c->timer, jiffies + msecs_to_jiffies(lab.gap_ms));
}

static bool disarm(struct clockwork *c)
{
	return c->by_work ? cancel_delayed_work_sync(&c->work) : timer_delete_sync(&c->timer);
}

static void call(struct clockwork *c)
{
	WRITE_ONCE(c->due, true);
	wake_up_process(c->task);
}

static void period_over(struct timer_list *timer)
{
	call(&clockwork);
}

static void period_work(struct work_struct *work)
{
	call(&clockwork);
}

static int periodic_thread(void *data)
{
	struct clockwork *c = data;

	while (!READ_ONCE(c->closing)) {
		arm(c);
		for (;;) {
			set_current_state(TASK_INTERRUPTIBLE);
			if (READ_ONCE(c->due) || READ_ONCE(c->closing))
				break;
			c->sleep = lab_now();
			schedule();
			c->resume = lab_now();
		}
		__set_current_state(TASK_RUNNING);
		WRITE_ONCE(c->due, false);
		lab_busy_us(lab.work_us);
	}
	complete(&c->gone);
	return 0;
}

static void cancel_round(struct clockwork *c, unsigned int round)
{
	struct lab_incident incident = {.kind = "lost_wakeup", .rescue = "thread", .round = round};

	incident.cause = c->by_work ? "delayed_work_cancelled" : "timer_cancelled";
	msleep(PERIODS_BETWEEN * lab.gap_ms + lab_random(0, lab.gap_ms));
	incident.condition = incident.wake_call = lab_now();
	if (!disarm(c))
		return; /* it had just expired: the thread arms it again */
	if (lab.right) {
		arm(c);
		return;
	}
	incident.victim = lab_name(c->task);
	incident.waker = lab_name(current);
	incident.sleep = c->sleep;
	msleep(lab_late_ms());
	incident.rescued = lab_now();
	call(c);
	msleep(lab.gap_ms / 2);
	incident.resume = c->resume;
	lab_truth_add(&incident);
}

static int run_clockwork(bool by_work)
{
	struct clockwork *c = &clockwork;
	unsigned int round;

	c->by_work = by_work;
	init_completion(&c->gone);
	timer_setup(&c->timer, period_over, 0);
	INIT_DELAYED_WORK(&c->work, period_work);
	c->task = lab_spawn(periodic_thread, c, lab.sleeper, 0, lab.sleeper_cpu, "sleeper");
	if (!c->task)
		return -ENOMEM;
	for (round = 0; round < lab.rounds; round++)
		cancel_round(c, round);
	WRITE_ONCE(c->closing, true);
	wake_up_process(c->task);
	wait_for_completion(&c->gone);
	disarm(c);
	put_task_struct(c->task);
	return 0;
}

int lab_run_timer(void)
{
	return run_clockwork(false);
}

int lab_run_delayed_work(void)
{
	return run_clockwork(true);
}

static struct lab_task named_task(const char *name)
{
	struct lab_task found = {};
	struct task_struct *task;

	rcu_read_lock();
	for_each_process(task)
		if (!strcmp(task->comm, name))
			found = lab_name(task);
	rcu_read_unlock();
	return found;
}

static struct soft {
	struct tasklet_struct tasklet;
	struct completion ran, gone;
	u64 served;
} soft;

static void soft_function(struct tasklet_struct *tasklet)
{
	soft.served = lab_now();
	complete(&soft.ran);
}

/* With bottom halves off nobody wakes ksoftirqd; _local_bh_enable() turns them on without running what is pending. */
static u64 raise_quietly(void)
{
	unsigned long flags;
	u64 t;

	local_irq_save(flags);
	local_bh_disable();
	t = lab_now();
	tasklet_schedule(&soft.tasklet);
	_local_bh_enable();
	local_irq_restore(flags);
	return t;
}

static int raiser_thread(void *data)
{
	char name[TASK_COMM_LEN];
	unsigned int round;

	snprintf(name, sizeof(name), "ksoftirqd/%d", raw_smp_processor_id());
	for (round = 0; round < lab.rounds; round++) {
		struct lab_incident incident = {.kind = "softirq_delay", .cause = "ksoftirqd_not_woken", .round = round};
		bool quietly = !lab.right && lab_random(0, 1);

		msleep(lab_random(lab.gap_ms, 2 * lab.gap_ms));
		incident.wake_call = lab_now();
		if (quietly)
			incident.wake_call = raise_quietly();
		else
			tasklet_schedule(&soft.tasklet);
		wait_for_completion(&soft.ran);
		lab_truth_step(round, current, "served", soft.served - incident.wake_call);
		if (!quietly || soft.served - incident.wake_call < LATE_NS)
			continue;
		incident.condition = incident.wake_call;
		incident.resume = soft.served;
		incident.victim = named_task(name);
		incident.waker = lab_name(current);
		lab_truth_add(&incident);
	}
	complete(&soft.gone);
	return 0;
}

int lab_run_softirq(void)
{
	struct task_struct *task;

	init_completion(&soft.ran);
	init_completion(&soft.gone);
	tasklet_setup(&soft.tasklet, soft_function);
	task = lab_spawn(raiser_thread, NULL, lab.waker, 0, lab.waker_cpu >= 0 ? lab.waker_cpu : 1, "producer");
	if (!task)
		return -ENOMEM;
	wait_for_completion(&soft.gone);
	put_task_struct(task);
	tasklet_kill(&soft.tasklet);
	return 0;
}

static struct pair {
	struct work_struct first, second;
	struct completion done;
	unsigned int starts;
	bool quietly;
	u64 started;
	struct lab_task first_worker, second_worker;
} pair;

/* A pool counts a worker that sleeps out only when the worker says so, and wakes another only then. */
static void first_function(struct work_struct *work)
{
	pair.first_worker = lab_name(current);
	WRITE_ONCE(pair.starts, pair.starts + 1);
	if (pair.quietly)
		current->flags &= ~PF_WQ_WORKER;
	msleep(lab_late_ms());
	if (pair.quietly)
		current->flags |= PF_WQ_WORKER;
}

static void second_function(struct work_struct *work)
{
	pair.started = lab_now();
	pair.second_worker = lab_name(current);
	complete(&pair.done);
}

static void pool_round(struct workqueue_struct *queue, int cpu, unsigned int round)
{
	struct lab_incident incident = {.kind = "work_delay", .cause = "pool_not_kicked", .round = round};
	unsigned int starts = READ_ONCE(pair.starts);

	pair.quietly = !lab.right && lab_random(0, 1);
	queue_work_on(cpu, queue, &pair.first);
	lab_await(&pair.starts, starts);
	lab_nap_us(lab_random(1000, 8000));
	incident.condition = incident.wake_call = lab_now();
	queue_work_on(cpu, queue, &pair.second);
	wait_for_completion(&pair.done);
	flush_work(&pair.first);
	lab_truth_step(round, current, "begun", pair.started - incident.wake_call);
	if (!pair.quietly)
		return;
	incident.resume = pair.started;
	incident.victim = pair.second_worker;
	incident.waker = pair.first_worker;
	lab_truth_add(&incident);
}

int lab_run_pool(void)
{
	struct workqueue_struct *queue = alloc_workqueue("%s", 0, 0, lab.third);
	int cpu = lab.sleeper_cpu >= 0 ? lab.sleeper_cpu : 1;
	unsigned int round;

	if (!queue)
		return -ENOMEM;
	init_completion(&pair.done);
	INIT_WORK(&pair.first, first_function);
	INIT_WORK(&pair.second, second_function);
	for (round = 0; round < lab.rounds; round++) {
		msleep(lab_random(lab.gap_ms, 2 * lab.gap_ms));
		pool_round(queue, cpu, round);
	}
	destroy_workqueue(queue);
	return 0;
}
