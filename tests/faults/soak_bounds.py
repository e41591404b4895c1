"""Why: what a soak is held to, apart from the programs that it runs: a process over time, and what of that is a leak.

Memory comes and goes: each minute a session's snapshot is made and stored. What grows for good raises the least that a
process has in a minute, so it is these floors that a line is fitted to. Times and latencies are held to nothing."""

MINUTE_S = 60
FLOORS_MIN = 4      # fewer tell nothing
GROWTH_MIB = 6      # of the fitted line from the first floor to the last; what a run of this length cannot tell apart
DESCRIPTORS = 4     # a reader more or less


class Watched:
    """A process over time."""

    def __init__(self, name, pid=0):
        self.name, self.pid = name, pid
        self.samples = []    # (seconds, MiB, descriptors)
        self.settled_s = 0   # from here on it is measured

    def add(self, seconds, mib, descriptors):
        self.samples.append((seconds, mib, descriptors))

    def measured(self):
        return [sample for sample in self.samples if sample[0] >= self.settled_s]

    def floors(self):
        """(minute, MiB): the least of each whole minute."""
        measured = self.measured()
        if not measured:
            return []
        minutes = {}
        for seconds, mib, _ in measured:
            minutes.setdefault(int((seconds - self.settled_s) // MINUTE_S), []).append(mib)
        whole = int((measured[-1][0] - self.settled_s + 1) // MINUTE_S)
        return [(minute, min(values)) for minute, values in sorted(minutes.items()) if minute < whole]

    def slope(self):
        """MiB an hour, by least squares over the floors."""
        floors = self.floors()
        if len(floors) < 2:
            return 0
        mean_x = sum(x for x, _ in floors) / len(floors)
        mean_y = sum(y for _, y in floors) / len(floors)
        spread = sum((x - mean_x) ** 2 for x, _ in floors)
        return 60 * sum((x - mean_x) * (y - mean_y) for x, y in floors) / spread

    def bound(self):
        """MiB an hour that a run of this length can tell from noise."""
        floors = self.floors()
        return 60 * GROWTH_MIB / max(1, floors[-1][0] - floors[0][0]) if floors else 0

    def problems(self):
        floors = self.floors()
        if len(floors) < FLOORS_MIN:
            yield "%s: %d whole minutes were measured, and %d are needed" % (self.name, len(floors), FLOORS_MIN)
            return
        if self.slope() > self.bound():
            yield "%s: memory grows by %.1f MiB/h, from %.1f to %.1f MiB in %d minutes; noise is up to %.1f MiB/h" % (
                self.name, self.slope(), floors[0][1], floors[-1][1], len(floors), self.bound())
        files = [sample[2] for sample in self.measured()]
        early = max(files[:max(1, len(files) // 4)])
        late = min(files[-max(1, len(files) // 4):])
        if late > early + DESCRIPTORS:
            yield "%s: descriptors grew from at most %d to at least %d" % (self.name, early, late)

    def line(self):
        measured = self.measured() or self.samples
        return ("%-18s n %5d  memory %6.1f MiB, floors n %2d, %+7.1f MiB/h (held to %+.1f), most ever %6.1f MiB  "
                "descriptors %3d, at most %3d" % (
                    self.name, len(measured), measured[-1][1], len(self.floors()), self.slope(), self.bound(),
                    max(sample[1] for sample in self.samples), measured[-1][2],
                    max(sample[2] for sample in self.samples)))


def lost_problems(said, gaps):
    """Under a steady load that is taken, nothing is lost. `said`: how the collector ended; `gaps`: (cpu, lost) stored."""
    if said["acked"] != said["offered"]:
        yield "%d events were offered, %d acknowledged" % (said["offered"], said["acked"])
    for word in ("dropped", "refused", "left"):
        if said[word]:
            yield "%d events were %s" % (said[word], word)
    lost = sum(lost or 0 for _, lost in gaps)
    if lost or any(lost is None for _, lost in gaps):
        yield "%d gaps are stored, of %d events counted as lost" % (len(gaps), lost)
