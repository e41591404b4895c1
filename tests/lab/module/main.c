// SPDX-License-Identifier: GPL-2.0
/*
 * guestlab: kernel threads that lose wakeups in known ways, for recording; see guestlab.h. Only for guests that are
 * thrown away. Write to debugfs guestlab/run to run the scenario, then read guestlab/truth.
 */
#include <linux/debugfs.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/task.h>

#include "guestlab.h"

struct lab_settings lab = {
	.rounds = 12,
	.seed = 1,
	.window_us = 3000,
	.work_us = 1200,
	.gap_ms = 30,
	.late_min_ms = 200,
	.late_max_ms = 700,
	.sleep_state = TASK_INTERRUPTIBLE,
	.waits = true,
	.sleeper = "unit_take",
	.waker = "unit_give",
	.third = "unit_view",
	.sleeper_cpu = -1,
	.waker_cpu = -1,
};

static char *scenario = "ordered";
static char *rescue = "hrtimer";
static char *controller = "unit_main";
module_param(scenario, charp, 0444);
MODULE_PARM_DESC(scenario, "what to run: a name of the list in main.c");
module_param_named(rounds, lab.rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "how often");
module_param_named(seed, lab.seed, uint, 0444);
module_param_named(window_us, lab.window_us, uint, 0444);
MODULE_PARM_DESC(window_us, "from a sleeper's look at its condition to its sleep");
module_param_named(work_us, lab.work_us, uint, 0444);
MODULE_PARM_DESC(work_us, "what a sleeper does for each item");
module_param_named(gap_ms, lab.gap_ms, uint, 0444);
MODULE_PARM_DESC(gap_ms, "between rounds, up to twice this");
module_param_named(late_min_ms, lab.late_min_ms, uint, 0444);
module_param_named(late_max_ms, lab.late_max_ms, uint, 0444);
MODULE_PARM_DESC(late_max_ms, "when a sleeper that lost its wake is rescued: from late_min_ms to this");
module_param_named(sleep_state, lab.sleep_state, uint, 0444);
MODULE_PARM_DESC(sleep_state, "1 interruptible, 2 uninterruptible, 1026 idle");
module_param_named(waits, lab.waits, bool, 0444);
MODULE_PARM_DESC(waits, "the waker waits for what it asked for; otherwise it goes on, and its next wake is the rescue");
module_param_named(silent, lab.silent, bool, 0444);
MODULE_PARM_DESC(silent, "the sleeper does nothing that anybody sees; then no waker can wait for it");
module_param_named(right, lab.right, bool, 0444);
MODULE_PARM_DESC(right, "the same, done correctly");
module_param(rescue, charp, 0444);
MODULE_PARM_DESC(rescue, "hrtimer, timeout (the sleeper's own), thread, none");
module_param_named(sleeper, lab.sleeper, charp, 0444);
module_param_named(waker, lab.waker, charp, 0444);
module_param_named(third, lab.third, charp, 0444);
module_param(controller, charp, 0444);
MODULE_PARM_DESC(controller, "name of the thread that runs the scenario");
module_param_named(sleeper_cpu, lab.sleeper_cpu, int, 0444);
module_param_named(waker_cpu, lab.waker_cpu, int, 0444);

static const struct {
	const char *name;
	int (*run)(void);
} scenarios[] = {
	{"ordered", lab_run_ordered},
	{"ordered_queue", lab_run_ordered_queue},
	{"check_first", lab_run_check_first},
	{"enqueue_late", lab_run_enqueue_late},
	{"nested", lab_run_nested},
	{"stop", lab_run_stop},
	{"completion_init", lab_run_completion_init},
	{"completion_reinit", lab_run_completion_reinit},
	{"completion_all", lab_run_completion_all},
	{"exclusive", lab_run_exclusive},
	{"mask", lab_run_mask},
	{"timer", lab_run_timer},
	{"delayed_work", lab_run_delayed_work},
	{"softirq", lab_run_softirq},
	{"pool", lab_run_pool},
};

static const char *const rescues[] = {"none", "hrtimer", "timeout", "thread"};

static DECLARE_COMPLETION(over);
static atomic_t started;
static int outcome = -EINVAL;
static struct dentry *folder;

static int controller_thread(void *unused)
{
	unsigned int i;

	lab_truth_thread("control", current);
	lab_truth_begin();
	for (i = 0; i < ARRAY_SIZE(scenarios); i++)
		if (!strcmp(scenario, scenarios[i].name))
			outcome = scenarios[i].run();
	lab_truth_end();
	complete(&over);
	return 0;
}

static ssize_t run_write(struct file *file, const char __user *text, size_t length, loff_t *offset)
{
	struct task_struct *task;

	if (atomic_xchg(&started, 1))
		return -EBUSY;
	task = kthread_run(controller_thread, NULL, "%s", controller);
	if (IS_ERR(task))
		return PTR_ERR(task);
	wait_for_completion(&over);
	return outcome ? outcome : length;
}

static const struct file_operations run_fops = {.owner = THIS_MODULE, .write = run_write};

static int __init guestlab_init(void)
{
	int code = lab_truth_init();
	unsigned int i;

	if (code)
		return code;
	for (i = 0; i < ARRAY_SIZE(rescues); i++)
		if (!strcmp(rescue, rescues[i]))
			lab.rescue = i;
	lab.rescue_name = rescues[lab.rescue];
	if (lab.silent)
		lab.waits = false;
	folder = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file("run", 0200, folder, NULL, &run_fops);
	debugfs_create_file("truth", 0400, folder, NULL, &lab_truth_fops);
	return 0;
}

static void __exit guestlab_exit(void)
{
	debugfs_remove_recursive(folder);
	lab_truth_exit();
}

module_init(guestlab_init);
module_exit(guestlab_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("kernel threads that sleep and wake, for recording");
