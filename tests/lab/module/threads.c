// SPDX-License-Identifier: GPL-2.0
/* Why: threads with names of their own, spans of time with a seed, and one thread's view of another's progress. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/sched/task.h>
#include <linux/spinlock.h>

#include "guestlab.h"

/* No wait for another thread's progress is longer than this. */
#define PATIENCE_NS (200 * NSEC_PER_MSEC)

static DEFINE_SPINLOCK(random_lock);
static struct rnd_state random_state;
static bool random_ready;

u32 lab_random(u32 low, u32 high)
{
	unsigned long flags;
	u32 value;

	if (high <= low)
		return low;
	spin_lock_irqsave(&random_lock, flags);
	if (!random_ready)
		prandom_seed_state(&random_state, lab.seed);
	random_ready = true;
	value = prandom_u32_state(&random_state);
	spin_unlock_irqrestore(&random_lock, flags);
	return low + value % (high - low + 1);
}

void lab_busy_us(unsigned int us)
{
	u64 until = lab_now() + (u64)us * NSEC_PER_USEC;

	while (lab_now() < until)
		cpu_relax();
}

void lab_nap_us(unsigned int us)
{
	usleep_range(us, us + us / 8 + 1);
}

/* Runs until *counter is no longer `old`. False: it still was after a while. */
bool lab_await(const unsigned int *counter, unsigned int old)
{
	u64 until = lab_now() + PATIENCE_NS;

	while (READ_ONCE(*counter) == old) {
		if (lab_now() > until)
			return false;
		cpu_relax();
		cond_resched();
	}
	return true;
}

/* A thread that runs already, and stays valid until put_task_struct(). `name` may hold one %u; NULL on failure. */
struct task_struct *lab_spawn(int (*function)(void *), void *data, const char *name, unsigned int number, int cpu,
			      const char *role)
{
	struct task_struct *task = kthread_create(function, data, name, number);

	if (IS_ERR(task))
		return NULL;
	get_task_struct(task);
	if (cpu >= 0)
		kthread_bind(task, cpu);
	lab_truth_thread(role, task);
	wake_up_process(task);
	return task;
}

struct lab_task lab_name(const struct task_struct *task)
{
	struct lab_task name = {.pid = task->pid};

	memcpy(name.comm, task->comm, sizeof(name.comm));
	name.comm[sizeof(name.comm) - 1] = 0;
	return name;
}
