// SPDX-License-Identifier: GPL-2.0
/* Why: what happened, as JSON lines in debugfs: one "meta", then threads, incidents and steps. */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/vmalloc.h>

#include "guestlab.h"

#define THREADS_MAX 256
#define INCIDENTS_MAX 4096
#define STEPS_MAX 65536

struct thread {
	const char *role;
	struct lab_task task;
};

struct step {
	u64 t;
	unsigned int round;
	struct lab_task task;
	const char *what;
	s64 value;
};

static struct thread *threads;
static struct lab_incident *incidents;
static struct step *steps;
static atomic_t thread_count, incident_count, step_count;
static u64 begin, end;

int lab_truth_init(void)
{
	threads = vzalloc(array_size(THREADS_MAX, sizeof(*threads)));
	incidents = vzalloc(array_size(INCIDENTS_MAX, sizeof(*incidents)));
	steps = vzalloc(array_size(STEPS_MAX, sizeof(*steps)));
	if (threads && incidents && steps)
		return 0;
	lab_truth_exit();
	return -ENOMEM;
}

void lab_truth_exit(void)
{
	vfree(threads);
	vfree(incidents);
	vfree(steps);
}

void lab_truth_begin(void)
{
	begin = lab_now();
}

void lab_truth_end(void)
{
	end = lab_now();
}

static int claim(atomic_t *count, int limit)
{
	int index = atomic_inc_return(count) - 1;

	return index < limit ? index : -1;
}

void lab_truth_add(const struct lab_incident *incident)
{
	int index = claim(&incident_count, INCIDENTS_MAX);

	if (index < 0)
		return;
	incidents[index] = *incident;
	incidents[index].cpu = raw_smp_processor_id();
}

void lab_truth_thread(const char *role, const struct task_struct *task)
{
	int index = claim(&thread_count, THREADS_MAX);

	if (index >= 0)
		threads[index] = (struct thread){role, lab_name(task)};
}

void lab_truth_step(unsigned int round, const struct task_struct *task, const char *what, s64 value)
{
	int index = claim(&step_count, STEPS_MAX);

	if (index >= 0)
		steps[index] = (struct step){lab_now(), round, lab_name(task), what, value};
}

static int held(const atomic_t *count, int limit)
{
	return min(atomic_read(count), limit);
}

static void *line_start(struct seq_file *file, loff_t *position)
{
	loff_t lines = 1 + held(&thread_count, THREADS_MAX) + held(&incident_count, INCIDENTS_MAX) +
		       held(&step_count, STEPS_MAX);

	return *position < lines ? (void *)(unsigned long)(*position + 1) : NULL;
}

static void *line_next(struct seq_file *file, void *line, loff_t *position)
{
	++*position;
	return line_start(file, position);
}

static void line_stop(struct seq_file *file, void *line)
{
}

static void put_task(struct seq_file *file, const char *prefix, const struct lab_task *task)
{
	seq_printf(file, ",\"%spid\":%d,\"%scomm\":\"", prefix, task->pid, prefix);
	seq_escape(file, task->comm, "\"\\");
	seq_puts(file, "\"");
}

static void put_time(struct seq_file *file, const char *name, u64 t)
{
	if (t)
		seq_printf(file, ",\"%s\":%llu", name, t);
}

static void put_meta(struct seq_file *file)
{
	seq_printf(file, "{\"rec\":\"meta\",\"clock\":\"mono\",\"seed\":%u,\"rounds\":%u,\"waits\":%d,\"silent\":%d", lab.seed,
		   lab.rounds, lab.waits, lab.silent);
	seq_printf(file, ",\"right\":%d,\"rescue\":\"%s\",\"t_begin\":%llu,\"t_end\":%llu", lab.right, lab.rescue_name, begin,
		   end);
	seq_printf(file, ",\"incidents\":%d,\"not_kept\":%d}\n", atomic_read(&incident_count),
		   max(0, atomic_read(&incident_count) - INCIDENTS_MAX) + max(0, atomic_read(&step_count) - STEPS_MAX));
}

static void put_incident(struct seq_file *file, const struct lab_incident *incident)
{
	seq_printf(file, "{\"rec\":\"incident\",\"kind\":\"%s\",\"cause\":\"%s\",\"i\":%u", incident->kind, incident->cause,
		   incident->round);
	put_task(file, "victim_", &incident->victim);
	if (incident->waker.comm[0])
		put_task(file, "waker_", &incident->waker);
	put_time(file, "t_check", incident->check);
	put_time(file, "t_cond", incident->condition);
	put_time(file, "t_wake_call", incident->wake_call);
	put_time(file, "t_wake_ret", incident->wake_return);
	if (incident->wake_return)
		seq_printf(file, ",\"wake_ret\":%d", incident->wake_result);
	put_time(file, "t_sleep", incident->sleep);
	put_time(file, "t_rescue", incident->rescued);
	put_time(file, "t_resume", incident->resume);
	put_time(file, "latency_ns", incident->resume - incident->wake_call);
	if (incident->rescue)
		seq_printf(file, ",\"rescue\":\"%s\"", incident->rescue);
	seq_printf(file, ",\"cpu\":%d}\n", incident->cpu);
}

static int line_show(struct seq_file *file, void *line)
{
	long index = (long)line - 2;

	if (index < 0) {
		put_meta(file);
		return 0;
	}
	if (index < held(&thread_count, THREADS_MAX)) {
		seq_printf(file, "{\"rec\":\"thread\",\"role\":\"%s\"", threads[index].role);
		put_task(file, "", &threads[index].task);
		seq_puts(file, "}\n");
		return 0;
	}
	index -= held(&thread_count, THREADS_MAX);
	if (index < held(&incident_count, INCIDENTS_MAX)) {
		put_incident(file, &incidents[index]);
		return 0;
	}
	index -= held(&incident_count, INCIDENTS_MAX);
	seq_printf(file, "{\"rec\":\"step\",\"i\":%u,\"t\":%llu", steps[index].round, steps[index].t);
	put_task(file, "", &steps[index].task);
	seq_printf(file, ",\"what\":\"%s\",\"v\":%lld}\n", steps[index].what, steps[index].value);
	return 0;
}

static const struct seq_operations lines = {
	.start = line_start, .next = line_next, .stop = line_stop, .show = line_show};

static int truth_open(struct inode *inode, struct file *file)
{
	return seq_open(file, &lines);
}

const struct file_operations lab_truth_fops = {
	.owner = THIS_MODULE, .open = truth_open, .read = seq_read, .llseek = seq_lseek, .release = seq_release};
