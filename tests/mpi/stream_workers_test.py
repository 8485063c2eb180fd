"""Stages of streams on real ranks: commands, rows, samples, batches, folds in parts and folds whose workers are killed."""
import json
import os
import signal
import subprocess
import time

import h5py
import numpy

from launching import LaunchTest


class StreamWorkers(LaunchTest):
    def texts(self, dataset):
        return [text.decode() if isinstance(text, bytes) else text for text in dataset[:].tolist()]

    def test_wrong_parameters_of_a_command_are_told(self):
        definition = """
penstock: 1
name: wrong
stages:
  numbers: {worker: range, with: {stop: 10}}
  each: {worker: command, from: numbers, with: {argv: [wc, "{item}"], outputs: {n: {stdout: text}}}}
  shy: {worker: command, from: numbers}
"""
        self.write("wrong.yaml", definition)
        said = self.penstock(0, "check", "wrong.yaml", expect=2)
        self.assertIn("`outputs: n` has the unknown member `stdout`", said)
        self.assertIn("wrong.yaml:7", said)
        self.assertNotIn("bug", said)

    def test_commands_that_speak_lines_keep_order_and_survive(self):
        definition = """
penstock: 1
name: talk
stages:
  numbers: {worker: range, with: {stop: 2000}}
  squares:
    worker: command
    from: numbers
    workers: 3
    ordered: true
    on-error: retry
    with:
      frames: lines
      shell: |
        while read -r x; do
          if [ $x = 700 ] && [ ! -e {definition-dir}/died ]; then touch {definition-dir}/died; exit 3; fi
          if [ $x = 900 ] && [ ! -e {definition-dir}/bad ]; then touch {definition-dir}/bad; cat {definition-dir}/two; fi
          echo $((x * x))
        done
  sorted: {worker: command, from: squares, with: {frames: lines, form: fold, shell: "sort -n -r | sed -n 1,3p"}}
  shown: {worker: filter, from: squares, with: {not: none}}
  many: {worker: command, from: numbers, with: {frames: lines, form: generator, shell: "while read -r x; do [ $x -gt 3 ] || seq $x; echo; done"}}
"""
        self.write("two", "a\nb\n")  # in one piece: an answer too many that comes later is taken for the next item's
        for ranks in (0, 3):
            for name in ("died", "bad"):
                if os.path.exists(self.path(name)):
                    os.remove(self.path(name))
            with self.subTest(ranks=ranks), self.run_definition(definition, ranks) as f:
                self.assertEqual(self.texts(f["streams/talk/shown"]), [str(i * i) for i in range(2000)])
                self.assertEqual(self.texts(f["streams/talk/sorted"]), [str(i * i) for i in (1999, 1998, 1997)])
                self.assertEqual(self.texts(f["streams/talk/many"]), ["1", "1", "2", "1", "2", "3"])
                self.assertTrue(os.path.exists(self.path("died")) and os.path.exists(self.path("bad")))

    def test_one_program_for_each_item(self):
        definition = """
penstock: 1
name: each
data: {scale: 10}
stages:
  numbers: {worker: command, with: {frames: lines, argv: [seq, "20"]}}
  scaled:
    worker: command
    from: numbers
    workers: 2
    ordered: true
    on-error: skip
    with: {shell: '[ {item} != 13 ] || exit 1; echo $(({item} * {scale}))'}
"""
        with self.run_definition(definition, 2) as f:
            self.assertEqual(self.texts(f["streams/each/scaled"]), [str(10 * i) for i in range(1, 21) if i != 13])

    def test_a_command_that_hangs_is_ended_with_all_it_started(self):
        definition = """
penstock: 1
name: hang
stages:
  numbers: {worker: range, with: {stop: 6}}
  slow:
    worker: command
    from: numbers
    on-error: skip
    timeout: 1 s
    with: {frames: lines, shell: 'while read -r x; do if [ $x = 3 ]; then sleep 4242; fi; echo $x; done'}
"""
        with self.run_definition(definition, 2) as f:
            self.assertEqual(self.texts(f["streams/hang/slow"]), ["0", "1", "2", "4", "5"])
        self.assertEqual(self.processes_with("4242"), [], "the child of the child is gone too")

    def processes_with(self, word):
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    if word.encode() in f.read().split(b"\0"):
                        found.append(int(pid))
            except OSError:
                pass
        return found

    def test_a_whole_stream_command_that_crashes_fails_the_stream(self):
        definition = """
penstock: 1
name: crash
stages:
  numbers: {worker: range, with: {stop: 1000}}
  all: {worker: command, from: numbers, with: {frames: lines, form: fold, shell: 'head -n 10; kill -SEGV $$'}}
"""
        self.write("definition.yaml", definition)
        said = self.penstock(2, "run", "definition.yaml", "-o", "out.h5", expect=1)
        self.assertIn("SIGSEGV", said)

    def test_rows_are_split_among_workers(self):
        with h5py.File(self.path("in.h5"), "w") as f:
            f.create_dataset("one", data=numpy.arange(50_000, dtype="i4"), chunks=(1000,), compression="gzip")
            f.create_dataset("deep/two", data=numpy.arange(600, dtype=">f8").reshape(200, 3))
        definition = """
penstock: 1
name: rows
stages:
  ones: {worker: rows, with: {file: in.h5, dataset: one}, workers: 3, ordered: true}
  shown: {worker: filter, from: ones, with: {not: none}}
  twos: {worker: rows, with: {file: in.h5, dataset: /deep/two}, workers: 2, ordered: true, isolation: inline}
"""
        with self.run_definition(definition, 3) as f:
            self.assertEqual(f["streams/rows/shown"][:].tolist(), list(range(50_000)))
            self.assertEqual(f["streams/rows/twos"][:].tolist(), numpy.arange(600.0).reshape(200, 3).tolist())

    def test_a_sample_lets_nobody_wait_and_pairs_with_the_latest(self):
        definition = """
penstock: 1
name: latest
stages:
  frames: {worker: sleep, from: numbers, with: {seconds: 0.001}}
  numbers: {worker: range, with: {stop: 1000}}
  some: {worker: sample, from: frames, with: {limit: 2, until: look, keep-latest: true}}
  slow: {worker: sleep, from: some, with: {seconds: 0.05}, workers: 2, isolation: inline}
  look: {worker: filter, from: slow, with: {not: none}}
  shown: {worker: to-lines, from: some, with: {file: pairs.txt}}
  how-many: {worker: Count, from: look}
"""
        for ranks in (0, 3):
            with self.subTest(ranks=ranks):
                began = time.monotonic()
                with self.run_definition(definition, ranks) as f:
                    looked_at = int(f["streams/latest/how-many"][0])
                self.assertLess(time.monotonic() - began, 20, "1000 items at 0.05 s would take 25 s of two workers")
                with open(self.path("pairs.txt"), encoding="utf-8") as lines:
                    pairs = [json.loads(line) for line in lines]
                self.assertEqual(len(pairs), 1000)
                self.assertGreater(looked_at, 3)
                self.assertLess(looked_at, 500)
                self.assertIsNotNone(pairs[-1][1])

    def test_a_batch_does_not_wait_for_ever(self):
        definition = """
penstock: 1
name: batches
stages:
  ticks: {worker: command, with: {frames: lines, shell: 'echo 1; echo 2; while [ ! -e {definition-dir}/out.txt ] || [ ! -s {definition-dir}/out.txt ]; do sleep 0.02; done; echo 3'}}
  lists: {worker: batch, from: ticks, with: {items: 100, seconds: 0.2}}
  seen: {worker: command, from: lists, with: {frames: json, shell: 'while read -r x; do echo "$x" >> {definition-dir}/out.txt; echo "$x"; done'}}
"""
        for ranks in (0, 2):
            if os.path.exists(self.path("out.txt")):
                os.remove(self.path("out.txt"))
            # The third tick comes only when the first batch has come through: without a wake it never would.
            with self.subTest(ranks=ranks), self.run_definition(definition, ranks):
                with open(self.path("out.txt"), encoding="utf-8") as lines:
                    batches = [json.loads(line) for line in lines]
                self.assertEqual([x for batch in batches for x in batch], ["1", "2", "3"])
                self.assertEqual(batches[-1], ["3"])

    def test_folds_with_several_workers(self):
        definition = """
penstock: 1
name: folds
stages:
  numbers: {worker: range, with: {stop: 20001}, workers: 2}
  sum: {worker: Sum, from: numbers, workers: 3}
  median: {worker: Median, from: numbers, workers: 2}
  count: {worker: Count, from: numbers, workers: 4, isolation: inline}
  some: {worker: filter, from: numbers, with: {at-most: 5}}
  list: {worker: Concat, from: some}
"""
        for ranks in (0, 4):
            with self.subTest(ranks=ranks), self.run_definition(definition, ranks) as f:
                self.assertEqual(f["streams/folds/sum"][:].tolist(), [20001 * 20000 // 2])
                self.assertEqual(f["streams/folds/median"][:].tolist(), [10000.0])
                self.assertEqual(f["streams/folds/count"][:].tolist(), [20001])
                self.assertEqual(sorted(name for name in f["streams/folds"] if name[0] != "@"), ["count", "list", "median", "sum"])

    def run_and_kill(self, definition, kills):
        """Kills worker processes as they come, so many times; the run must succeed."""
        self.write("definition.yaml", definition)
        run = subprocess.Popen(self.command(3, "run", "definition.yaml", "-o", "out.h5", "--force"), cwd=self.folder,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        killed = 0
        try:
            while run.poll() is None and killed < kills:
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
        self.assertGreaterEqual(killed, kills)

    def test_a_fold_survives_its_killed_workers(self):
        self.run_and_kill("""
penstock: 1
name: killed
stages:
  numbers: {worker: range, with: {stop: 300}, isolation: inline}
  nap:
    worker: command
    from: numbers
    workers: 2
    on-error: retry
    retries: 100
    with: {frames: json, shell: 'while read -r x; do sleep 0.01; echo $x; done'}
  sum: {worker: Sum, from: nap, workers: 2, on-error: retry, retries: 100}
""", 8)
        with h5py.File(self.path("out.h5")) as f:
            self.assertEqual(f["streams/killed/sum"][:].tolist(), [300 * 299 // 2])

    def test_a_batch_survives_its_killed_worker(self):
        """None is lost, none comes twice, order is kept; whether lists are full, or made because time has passed."""
        for settings, seconds in (("items: 7", False), ("items: 1000", False), ("items: 5, seconds: 0.02", True)):
            with self.subTest(settings):
                self.run_and_kill(f"""
penstock: 1
name: killed
stages:
  numbers: {{worker: range, with: {{stop: 1000}}, isolation: inline}}
  nap: {{worker: command, from: numbers, on-error: retry, retries: 100, with: {{frames: json, shell: 'while read -r x; do sleep 0.003; echo $x; done'}}}}
  lists: {{worker: batch, from: nap, with: {{{settings}}}, on-error: retry, retries: 100}}
  items: {{worker: flatten, from: lists, isolation: inline}}
""", 20)
                with h5py.File(self.path("out.h5")) as f:
                    self.assertEqual(f["streams/killed/items"][:].tolist(), list(range(1000)))

    def test_a_fold_without_combine_has_one_worker(self):
        definition = """
penstock: 1
name: refused
stages:
  numbers: {worker: range, with: {stop: 3}}
  list: {worker: Concat, from: numbers, workers: 2}
"""
        self.write("definition.yaml", definition)
        said = self.penstock(0, "check", "definition.yaml", expect=2)
        self.assertIn("a fold that has no combine", said)


if __name__ == "__main__":
    import unittest
    unittest.main()
