// Queries to begin with. Each answers a question about kernel threads, and runs on every recording.

export interface Example {
  name: string;
  sql: string;
  chart?: string; // as it stands in the address
}

export const kExamples: readonly Example[] = [
  {
    name: "The longest waits of kernel threads",
    sql: `-- Who waited longest for a CPU, and why
SELECT comm, pid, kind, wait, latency_ns, excess_ns, cause, cpu, waker_comm, start_ns
FROM waits
WHERE kind <> 'user'
ORDER BY latency_ns DESC
LIMIT 200`,
  },
  {
    name: "Excess latency by kind and cause",
    sql: `-- What a schedule without fault would have spared kernel threads
SELECT kind || ': ' || coalesce(cause, 'not known') AS what, count(*) AS n,
       sum(excess_ns) AS excess_ns, max(latency_ns) AS longest_ns
FROM waits
WHERE kind <> 'user'
GROUP BY 1
ORDER BY excess_ns DESC`,
    chart: "bar:what:excess_ns",
  },
  {
    name: "Latencies over time",
    sql: `-- One point a measured wait of a kernel thread
SELECT start_ns, latency_ns, excess_ns
FROM waits
WHERE kind <> 'user'
ORDER BY start_ns`,
    chart: "line:start_ns:latency_ns,excess_ns",
  },
  {
    name: "How latencies are distributed",
    sql: `-- Delivery: from sched_waking to sched_wakeup; the rest was spent on a run queue
SELECT latency_ns, delivery_ns, latency_ns - delivery_ns AS runqueue_ns
FROM waits
WHERE kind <> 'user' AND wait = 'wake'`,
    chart: "histogram::latency_ns",
  },
  {
    name: "Kernel threads by p99 of wakeup latency",
    sql: `SELECT comm, pid, kind, wakeups, wakeup_latency_n AS n, wakeup_latency_p50_ns AS p50_ns,
       wakeup_latency_p99_ns AS p99_ns, wakeup_latency_max_ns AS max_ns, on_cpu_ns, censored, voided
FROM thread_summary
WHERE kernel_thread
ORDER BY p99_ns DESC NULLS LAST`,
    chart: "bar:comm:p99_ns",
  },
  {
    name: "Who wakes kernel threads",
    sql: `SELECT comm, coalesce(waker_comm, '') AS waker, waker_context, count(*) AS n, max(latency_ns) AS longest_ns
FROM waits
WHERE kind <> 'user' AND wait <> 'preempted'
GROUP BY 1, 2, 3
ORDER BY n DESC`,
  },
  {
    name: "Work items, from queued to started",
    sql: `-- Each start of a work item, with the time since it was queued
SELECT function_name, cpu, worker_pid, started_ns, started_ns - queued_ns AS waited_ns
FROM (SELECT phase, function_name, cpu, common_pid AS worker_pid, ts AS started_ns,
             max(CASE phase WHEN 'queue' THEN ts END) OVER
               (PARTITION BY work ORDER BY ts ROWS UNBOUNDED PRECEDING) AS queued_ns
      FROM work)
WHERE phase = 'start'
ORDER BY waited_ns DESC
LIMIT 500`,
    chart: "histogram::waited_ns",
  },
  {
    name: "Work functions",
    sql: `SELECT "function", queue_to_start_n AS n, queue_to_start_p99_ns, queue_to_start_max_ns, run_p99_ns, run_max_ns,
       censored, voided, unmatched
FROM work_summary
ORDER BY queue_to_start_p99_ns DESC NULLS LAST`,
    chart: "bar:function:queue_to_start_p99_ns,run_p99_ns",
  },
  {
    name: "Softirqs, and how many fell to ksoftirqd",
    sql: `SELECT vector, entries, in_ksoftirqd, raise_to_entry_n AS n, raise_to_entry_p99_ns AS p99_ns, raise_to_entry_max_ns AS max_ns
FROM softirq_summary
ORDER BY entries DESC`,
    chart: "bar:vector:entries,in_ksoftirqd",
  },
  {
    name: "CPU time by task",
    sql: `SELECT comm, pid, sum(runtime) AS ran_ns, count(*) AS n
FROM sched_stat_runtime
GROUP BY comm, pid
ORDER BY ran_ns DESC
LIMIT 50`,
    chart: "bar:comm:ran_ns",
  },
  {
    name: "Switches a second, by CPU",
    sql: `SELECT ts / 1000000000 AS second, count(*) AS switches,
       sum(cpu = 0) AS cpu0, sum(cpu = 1) AS cpu1, sum(cpu = 2) AS cpu2, sum(cpu = 3) AS cpu3
FROM sched_switch
GROUP BY 1
ORDER BY 1`,
    chart: "line:second:switches,cpu0,cpu1,cpu2,cpu3",
  },
  {
    name: "Uninterruptible sleeps, by task",
    sql: `SELECT prev_comm AS comm, prev_pid AS pid, count(*) AS sleeps
FROM sched_switch
WHERE prev_state_text LIKE 'D%'
GROUP BY 1, 2
ORDER BY sleeps DESC`,
  },
  {
    name: "Timers that fired, by function",
    sql: `SELECT function_name, count(*) AS n, count(DISTINCT cpu) AS cpus
FROM (SELECT function_name, cpu FROM hrtimer_expire_entry
      UNION ALL SELECT function_name, cpu FROM timer_expire_entry)
GROUP BY 1
ORDER BY n DESC`,
  },
  {
    name: "Findings",
    sql: `SELECT id, check_name, class, confidence, comm, pid, waited_ns, start_ns, explanation
FROM finding
WHERE kind <> 'user'
ORDER BY waited_ns DESC`,
  },
  {
    name: "Rules of the scheduler model that were broken",
    sql: `SELECT name, title, checked, violations, missing, artefacts, voided
FROM model_rule
ORDER BY violations DESC, checked DESC`,
  },
  {
    name: "Lost events, by CPU",
    sql: `SELECT cpu, events, gaps, lost, lost_unknown, first_ns, last_ns
FROM cpu_summary
ORDER BY lost DESC, cpu`,
  },
  {
    name: "Which events were recorded",
    sql: `SELECT type, n
FROM event_count
ORDER BY n DESC`,
    chart: "bar:type:n",
  },
];
