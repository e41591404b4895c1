/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why: what the scenarios of the guest laboratory share. Each scenario runs kernel threads that sleep and wake, some of
 * them wrongly and on purpose, and writes down what really happened where no tracer sees it.
 *
 * All times are ktime_get_mono_fast_ns(), which is the trace clock "mono". Names of functions and threads show up in
 * traces: they say what a thread is for, never whether it is right.
 */
#pragma once

#include <linux/completion.h>
#include <linux/hrtimer.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void hrtimer_setup(struct hrtimer *timer, enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define timer_delete_sync del_timer_sync
#endif

enum lab_rescue { RESCUE_NONE, RESCUE_HRTIMER, RESCUE_TIMEOUT, RESCUE_THREAD };

/* What the module was loaded with; see the descriptions of the module's parameters. */
struct lab_settings {
	unsigned int rounds, seed;
	unsigned int window_us, work_us, gap_ms, late_min_ms, late_max_ms;
	unsigned int sleep_state;
	bool waits, silent, right;
	enum lab_rescue rescue;
	const char *rescue_name;
	char *sleeper, *waker, *third;
	int sleeper_cpu, waker_cpu;
};
extern struct lab_settings lab;

struct lab_task {
	pid_t pid;
	char comm[TASK_COMM_LEN];
};

/* wake_result: 1 somebody was woken, 0 it was running, LAB_NOBODY the queue was empty, LAB_UNKNOWN not to be had. */
#define LAB_NOBODY (-2)
#define LAB_UNKNOWN (-3)

/* One thing that went wrong; times that do not apply are 0. Written once by one thread, read when all is over. */
struct lab_incident {
	const char *kind, *cause, *rescue;
	unsigned int round;
	struct lab_task victim, waker;
	u64 check, condition, wake_call, wake_return, sleep, rescued, resume;
	int wake_result;
	int cpu;
};

/* truth.c */
int lab_truth_init(void);
void lab_truth_exit(void);
void lab_truth_begin(void);
void lab_truth_end(void);
void lab_truth_add(const struct lab_incident *incident);
void lab_truth_thread(const char *role, const struct task_struct *task);
void lab_truth_step(unsigned int round, const struct task_struct *task, const char *what, s64 value);
extern const struct file_operations lab_truth_fops;

/* threads.c */
u32 lab_random(u32 low, u32 high);
void lab_busy_us(unsigned int us);
void lab_nap_us(unsigned int us);
bool lab_await(const unsigned int *counter, unsigned int old);
struct task_struct *lab_spawn(int (*function)(void *), void *data, const char *name, unsigned int number, int cpu,
			      const char *role);
struct lab_task lab_name(const struct task_struct *task);

static inline u64 lab_now(void)
{
	return ktime_get_mono_fast_ns();
}

static inline unsigned int lab_late_ms(void)
{
	return lab_random(lab.late_min_ms, lab.late_max_ms);
}

/* The scenarios. Each runs all its rounds, and returns 0 or a negative error. */
int lab_run_ordered(void);		/* station.c */
int lab_run_ordered_queue(void);
int lab_run_check_first(void);
int lab_run_enqueue_late(void);
int lab_run_nested(void);
int lab_run_stop(void);			/* lifetime.c */
int lab_run_completion_init(void);
int lab_run_completion_reinit(void);
int lab_run_completion_all(void);
int lab_run_exclusive(void);		/* queues.c */
int lab_run_mask(void);
int lab_run_timer(void);		/* deferred.c */
int lab_run_delayed_work(void);
int lab_run_softirq(void);
int lab_run_pool(void);
