#!/usr/bin/env python3
"""Why: bytes rot on disks. Whatever they do to the files of some recordings, the server starts, and answers for the
others as before. --seeds N (12): how many times some bytes are flipped; --seed S: the first."""
import glob
import os
import random
import shutil
import sys

from fault_support import FaultTest, main, note, replay, settings

HEALTHY = "healthy"
FLIPS_MAX = 64


class BitRot(FaultTest):
    def grown(self):
        """A data folder with recordings that have ended, and one that a crash cut off."""
        server = self.new_server().start()
        for host in (HEALTHY, "ended-1", "ended-2"):
            self.new_collector(server, "--host", host, "--batches", 20).end()
            server.wait_until_ended(host)
        collector = self.new_collector(server, "--host", "cut-off", "--batches", 1000, "--events-per-second", 20_000)
        collector.wait_for("acked")
        server.kill()
        collector.kill()
        return server.data

    def flip(self, data, chance):
        """Flips bits of one file that is not the healthy host's; a part's first bytes more often than others."""
        files = [path for path in glob.glob(os.path.join(data, "**", "*"), recursive=True)
                 if os.path.isfile(path) and os.path.getsize(path) > 0 and "/%s/" % HEALTHY not in path]
        path = chance.choice(sorted(files))
        size = os.path.getsize(path)
        with open(path, "r+b") as file:
            for _ in range(chance.randint(1, FLIPS_MAX)):
                at = chance.randrange(min(size, 4096) if chance.random() < 0.3 else size)
                file.seek(at)
                byte = file.read(1)[0]
                file.seek(at)
                file.write(bytes([byte ^ (1 << chance.randrange(8))]))
        return os.path.relpath(path, data)

    def test_the_server_starts_and_answers_for_the_others(self):
        grown = self.grown()
        hit = []
        for seed in range(settings.seed, settings.seed + (12 if settings.seeds is None else settings.seeds)):
            data = os.path.join(self.folder, "rotten-%d" % seed)
            shutil.copytree(grown, data)
            hit.append(self.flip(data, random.Random(seed)))
            how = "%s was hit; %s" % (hit[-1], replay(self, "seeds", seed))
            server = self.new_server(data).start()
            host = server.hosts().get(HEALTHY)
            self.assertIsNotNone(host, how)
            self.assertEqual("8000", host["events"], how)
            self.assertEqual([], self.stored(data, HEALTHY).check_complete(4, 2000), how)
            threads = server.call("AnalysisService/ListThreads", {"recording": {"host": HEALTHY}})["threads"]
            self.assertGreater(len(threads), 0, how)
            said = self.new_collector(server, "--host", "newcomer", "--batches", 2).end()
            self.assertTrue(said["delivered"], how)
            self.assertIsNone(server.process.poll(), how + server.text()[-2000:])
            self.assertEqual(0, server.stop(), how + server.text()[-2000:])
            shutil.rmtree(data)
        note("%d times rotten: %s" % (len(hit), sorted(set(os.path.basename(path) for path in hit))))


if __name__ == "__main__":
    sys.exit(main())
