"""Streams on real ranks: every item arrives once, in order where that is promised, whatever dies on the way."""
import os
import signal
import subprocess

import h5py

from launching import LaunchTest


class Streams(LaunchTest):
    def test_order_is_kept_over_several_workers_whatever_the_number_of_ranks(self):
        definition = """
penstock: 1
name: order
stages:
  numbers: {worker: range, with: {stop: 30000}}
  first: {worker: filter, from: numbers, with: {at-least: 0}, workers: 3, ordered: true}
  second: {worker: filter, from: first, with: {at-most: 29998}, workers: 2, ordered: true, queue: 50}
  other: {worker: filter, from: numbers, with: {not: 7}, workers: 2, isolation: inline}
  how-many: {worker: Count, from: first}
"""
        for ranks in (0, 1, 2, 4):
            with self.subTest(ranks=ranks), self.run_definition(definition, ranks) as f:
                self.assertEqual(f["streams/order/second"][:].tolist(), list(range(29999)))
                self.assertEqual(sorted(f["streams/order/other"][:].tolist()), [i for i in range(30000) if i != 7])
                self.assertEqual(f["streams/order/how-many"][:].tolist(), [30000])
                self.assertEqual(set(self.jobs(f).values()), {"succeeded"})

    def test_merges(self):
        stages = """
penstock: 1
name: merges
stages:
  low: {worker: range, with: {stop: 100}, isolation: inline}
  high: {worker: range, with: {start: 1000, stop: 1150}, isolation: inline}
"""
        for merge in ("any", "concat", "interleave", "zip"):
            stages += f"  {merge}: {{worker: filter, from: [low, high], merge: {merge}, with: {{not: none}}, isolation: inline}}\n"
        low, high = list(range(100)), list(range(1000, 1150))
        with self.run_definition(stages, 4) as f:
            self.assertEqual(sorted(f["streams/merges/any"][:].tolist()), low + high)
            self.assertEqual(f["streams/merges/concat"][:].tolist(), low + high)
            turns = [x for pair in zip(low, high) for x in pair] + high[100:]
            self.assertEqual(f["streams/merges/interleave"][:].tolist(), turns)
        said = self.penstock(0, "table", self.path("out-4.h5"), "merges/zip", "--csv")
        self.assertEqual(len([line for line in said.splitlines() if line.startswith('"[') or line.startswith("[")]), 100, said)

    def test_a_stream_that_takes_longer_than_a_silent_rank_may(self):
        # Brokers tell rank 0 how far they are, and get no answer to that.
        definition = """
penstock: 1
name: slow
stages:
  numbers: {worker: range, with: {stop: 160}}
  slept: {worker: sleep, from: numbers, with: {seconds: 0.05}}
  how-many: {worker: Count, from: slept}
"""
        with self.run_definition(definition, 3, "--broker-timeout", "3") as f:
            self.assertEqual(f["streams/slow/how-many"][:].tolist(), [160])

    def test_files_of_lines_in_and_out(self):
        self.write("in.txt", "".join(f"line {i} äöü\n" for i in range(5000)))
        definition = """
penstock: 1
name: lines
stages:
  in: {worker: lines, with: {file: in.txt}, workers: 3, ordered: true}
  all: {worker: filter, from: in, with: {not: ""}, workers: 4, ordered: true}
  out: {worker: to-lines, from: all, with: {file: out.txt}}
"""
        with self.run_definition(definition, 3) as f:
            self.assertEqual(f["streams/lines/out"][:].tolist(), [5000])
        with open(self.path("out.txt"), encoding="utf-8") as out, open(self.path("in.txt"), encoding="utf-8") as given:
            self.assertEqual(out.read(), given.read())

    def test_an_item_that_fails_ends_the_stream_and_says_which(self):
        definition = """
penstock: 1
name: fails
stages:
  numbers: {worker: range, with: {stop: 1000000000}}
  lists: {worker: flatten, from: numbers}
"""
        self.write("definition.yaml", definition)
        said = self.penstock(3, "run", "definition.yaml", "-o", "out.h5", expect=1)
        self.assertIn("item 0: ", said)
        self.assertNotIn("the stream was stopped", said, "only what caused it is told")
        with h5py.File(self.path("out.h5")) as f:
            rows = self.jobs(f)
            self.assertEqual(rows["lists"], "failed")
            self.assertEqual(rows["numbers"], "failed", "the source was stopped long before its end")

    def test_killed_worker_processes_cost_nothing_when_items_are_retried(self):
        definition = """
penstock: 1
name: killed
stages:
  numbers: {worker: range, with: {stop: 400}, isolation: inline}
  nap: {worker: sleep, from: numbers, with: {seconds: 0.01}, workers: 2, ordered: true, on-error: retry, retries: 100}
  how-many: {worker: Count, from: nap, isolation: inline}
"""
        self.write("definition.yaml", definition)
        run = subprocess.Popen(self.command(4, "run", "definition.yaml", "-o", "out.h5"), cwd=self.folder,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        killed = 0
        try:
            while run.poll() is None and killed < 10:
                for pid in self.workers_of(run.pid):
                    try:
                        os.kill(pid, signal.SIGKILL)
                        killed += 1
                    except ProcessLookupError:
                        pass
            said, _ = run.communicate(timeout=100)
        finally:
            run.kill()
            run.wait()
            run.stdout.close()
        self.assertEqual(run.returncode, 0, said)
        self.assertGreaterEqual(killed, 10)
        with h5py.File(self.path("out.h5")) as f:
            self.assertEqual(f["streams/killed/how-many"][:].tolist(), [400])

    def test_an_interrupted_stream_ends_at_once(self):
        definition = """
penstock: 1
name: endless
stages:
  numbers: {worker: range, with: {stop: 1000000000000}}
  pass: {worker: filter, from: numbers, with: {not: -1}, workers: 2}
  how-many: {worker: Count, from: pass}
"""
        self.write("definition.yaml", definition)
        run = subprocess.Popen(self.command(0, "run", "definition.yaml", "-o", "out.h5", "--events", "events"),
                               cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            while run.poll() is None and len(self.children_of(run.pid)) < 2:
                pass
            run.send_signal(signal.SIGINT)
            said, _ = run.communicate(timeout=60)
        finally:
            run.kill()
            run.wait()
            run.stdout.close()
        self.assertEqual(run.returncode, 75, said)


if __name__ == "__main__":
    import unittest
    unittest.main()
