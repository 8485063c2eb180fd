"""A run that was killed, or has changed, goes on: nothing durable is lost, and nothing durable runs again.

PENSTOCK_KILLS=N kills that many runs (5 by default), PENSTOCK_KILL_SEED=S begins with that seed; each kill prints its own.
"""
import glob
import os
import subprocess
import time

import h5py

from killing import DEFINITION, KillTest


class Resume(KillTest):
    def test_killed_at_any_instant(self):
        self.kill_runs(5, self.kill_and_resume)

    def kill_and_resume(self, definition, chance, whole, lines, output):
        done = {}
        for kill in range(chance.randrange(1, 4)):
            process = self.start(chance.choice([0, 1, 2, 3, 5]), "run", definition, "-o", output, "--resume")
            self.wait_for_lines(process, "ran.txt", chance.randrange(min(len(self.lines_of("ran.txt")), lines), lines + 2))
            time.sleep(chance.random() * 0.05)
            self.kill_all(process)
            if os.path.exists(self.path(output + ".run/journal")):
                self.penstock(0, "collect", output, "-o", "so-far.h5")
                done = self.check_kept(done, self.rows("so-far.h5"))
        self.penstock(chance.choice([0, 2, 3, 4]), "run", definition, "-o", output, "--resume")
        self.check_kept(done, self.rows(output))
        self.assertEqual(self.values_of(output), whole)

    def test_failed_jobs_run_again_when_asked(self):
        definition = self.write("failing.yaml", """
penstock: 1
name: failing
jobs:
  a: {worker: command, for-each: {n: {range: [0, 4]}}, with: {shell: "echo {n} >> ran.txt; test {n} != 2 || test -e mended; echo {n}", outputs: {v: {json: ""}}}}
  b: {worker: command, for-each: {like: a}, with: {shell: "echo {v}", outputs: {w: {json: ""}}}}
""")
        self.penstock(2, "run", definition, "-o", "f.h5", expect=1)
        text = self.penstock(2, "run", definition, "-o", "f.h5", "--resume", expect=1)
        self.assertIn("6 of 8 jobs succeeded, 1 failed, 1 skipped, 7 of them in earlier launches", text)
        self.assertEqual(len(self.lines_of("ran.txt")), 4)
        self.write("mended", "")
        self.penstock(2, "run", definition, "-o", "f.h5", "--resume", "--retry-failed")
        self.assertEqual(self.lines_of("ran.txt")[4:], ["2"])
        rows = self.rows("f.h5")
        self.assertEqual(rows["a[n=2]"][:2], ("succeeded", 2))
        self.assertEqual({status for status, *_ in rows.values()}, {"succeeded"})

    def test_a_definition_that_has_changed(self):
        before = "penstock: 1\nname: p\njobs:\n  a: {worker: command, for-each: {n: [1, 2, 3]}, with: {shell: \"echo {n} >> ran.txt; echo {n}\", outputs: {v: {json: ''}}}}\n"
        definition = self.write("p.yaml", before + "  sum: {worker: Sum, inputs: {values: a.v}}\n")
        self.penstock(2, "run", definition, "-o", "p.h5")
        self.write("p.yaml", before.replace("[1, 2, 3]", "[2, 3, 5, 7]") + "  all: {worker: Sum, inputs: {values: a.v}}\n"
                   "  mean: {worker: Mean, inputs: {values: a.v}}\n")
        self.penstock(3, "run", definition, "-o", "p.h5", "--resume")
        self.assertEqual(sorted(self.lines_of("ran.txt")), ["1", "2", "3", "5", "7"])
        rows = self.rows("p.h5")
        self.assertEqual(rows["all"][3], {"sum": 17})
        self.assertEqual(set(rows), {"a[n=1]", "a[n=2]", "a[n=3]", "a[n=5]", "a[n=7]", "sum", "all", "mean"})
        with h5py.File(self.path("p.h5"), "r") as f:
            removed = dict(zip(zip(f["jobs/name"].asstr()[:], f["jobs/instance"].asstr()[:]), f["jobs/@removed"][:]))
            self.assertEqual({job for job, gone in removed.items() if gone}, {("a", "n=1"), ("sum", "")})

    def test_a_first_launch_may_say_resume(self):
        definition = self.write("p.yaml", "penstock: 1\nname: p\njobs: {a: {worker: noop}}\n")
        self.assertIn("1 job succeeded", self.penstock(2, "run", definition, "-o", "p.h5", "--resume"))
        self.assertIn("1 job succeeded, all of them in earlier launches",
                      self.penstock(2, "run", definition, "-o", "p.h5", "--resume"))

    def test_an_end_that_was_not_durable_is_made_up_for(self):
        """All jobs of a pipeline were durable when the run was killed, and that it had ended was not."""
        definition = self.write("p.yaml", "penstock: 1\nname: p\ndata: {x: 5}\njobs: {a: {worker: noop}}\n")
        self.penstock(3, "run", definition, "-o", "p.h5", "--no-collect")
        segments = self.path("p.h5.run/segments")
        for name in os.listdir(segments):
            if "-r00000-" in name:
                os.remove(os.path.join(segments, name))
        for launch in range(2):
            said = self.penstock(2, "run", definition, "-o", "p.h5", "--resume")
            self.assertIn("1 job succeeded, all of them in earlier launches", said)
            with h5py.File(self.path("p.h5"), "r") as f:
                self.assertEqual(f["pipelines/status"].asstr()[:].tolist(), ["succeeded"])
                self.assertEqual(f["pipelines/data"].asstr()[:].tolist(), ['{"x":5}'])
                finished = finished if launch else f["pipelines/finished"][:].tolist()
                self.assertEqual(f["pipelines/finished"][:].tolist(), finished, "it ended once")

    def test_values_in_a_json_store(self):
        definition = self.write("work.yaml", DEFINITION)
        run = ["run", definition, "-o"]
        self.penstock(3, *run, "whole.h5", "--store", "json:whole")
        lines = len(self.lines_of("ran.txt"))
        with open(self.path("whole/sums.json"), encoding="utf-8") as f:
            whole = f.read()
        for attempt in range(3):
            with self.subTest(attempt=attempt):
                os.remove(self.path("ran.txt"))
                process = self.start(3, *run, f"{attempt}.h5", "--store", f"json:{attempt}")
                self.wait_for_lines(process, "ran.txt", 10 + attempt * lines // 3)
                self.kill_all(process)
                self.penstock(2, *run, f"{attempt}.h5", "--store", f"json:{attempt}", "--resume")
                with open(self.path(f"{attempt}/sums.json"), encoding="utf-8") as f:
                    self.assertEqual(f.read(), whole)
        self.penstock(2, *run, "0.h5", "--store", "json:0", expect=2)
        said = self.penstock(2, *run, "0.h5", "--store", "json:other", "--resume")
        self.assertIn("other has nothing of what earlier launches of 0.h5 made: if they had another --store, say that one", said)

    def test_a_live_run_is_not_taken_over(self):
        definition = self.write("p.yaml", "penstock: 1\nname: p\njobs: {a: {worker: command, with: {shell: 'echo x >> ran.txt; while ! test -e go; do sleep 0.01; done'}}}\n")
        process = self.start(2, "run", definition, "-o", "p.h5")
        self.wait_for_lines(process, "ran.txt", 1)
        text = self.penstock(0, "run", definition, "-o", "p.h5", "--resume", expect=2)
        self.assertIn("belongs to a run that is going on (process", text)
        self.write("go", "")
        output, _ = process.communicate()
        self.assertEqual(process.returncode, 0, output)
        self.assertEqual(len(self.lines_of("ran.txt")), 1)

    def test_a_stream_starts_again_and_is_done_once(self):
        definition = self.write("stream.yaml", """
penstock: 1
name: stream
stages:
  source: {worker: range, with: {stop: 400}}
  slow: {worker: command, from: source, workers: 2, ordered: true, with: {argv: [sh, -c, 'while read x; do sleep 0.002; echo $x >> ran.txt; echo $((x * 2)); done'], frames: lines}}
  count: {worker: Count, from: slow}
""")
        process = self.start(3, "run", definition, "-o", "s.h5")
        self.wait_for_lines(process, "ran.txt", 100)
        self.kill_all(process)
        self.penstock(2, "run", definition, "-o", "s.h5", "--resume")
        runs = len(self.lines_of("ran.txt"))
        with h5py.File(self.path("s.h5"), "r") as f:
            self.assertEqual(f["streams/stream/count"][:].tolist(), [400])
            attempts = f["jobs/attempts"][:].tolist()
        self.penstock(4, "run", definition, "-o", "s.h5", "--resume")
        self.assertEqual(len(self.lines_of("ran.txt")), runs, "it was done")
        os.remove(self.path("ran.txt"))
        with open(definition, encoding="utf-8") as f:
            text = f.read()
        self.write("stream.yaml", text.replace("stop: 400", "stop: 300"))
        self.penstock(3, "run", definition, "-o", "s.h5", "--resume")
        with h5py.File(self.path("s.h5"), "r") as f:
            self.assertEqual(f["streams/stream/count"][:].tolist(), [300])
            again = f["jobs/attempts"][:].tolist()
        self.assertTrue(all(b > a for a, b in zip(attempts, again)), (attempts, again))

    def test_a_segment_that_cannot_be_read_costs_what_it_held_and_no_other_launch(self):
        for ranks in (0, 3):
            with self.subTest(ranks=ranks):
                definition = self.write("work.yaml", DEFINITION)
                process = self.start(0, "run", definition, "-o", "t.h5", "--force")
                while not glob.glob(self.path("t.h5.run/segments/*.h5")) and process.poll() is None:
                    pass
                self.kill_all(process)
                segments = sorted(glob.glob(self.path("t.h5.run/segments/*.h5")))
                os.truncate(segments[0], os.path.getsize(segments[0]) * 3 // 4)
                name = os.path.basename(segments[0])
                text = self.penstock(ranks, "run", definition, "-o", "t.h5", "--resume")
                self.assertRegex(text, "left out: .*" + name + ": its end, where its checksums should be, is missing")
                self.penstock(2, "run", definition, "-o", "whole.h5", "--force")
                self.assertEqual(self.values_of("t.h5"), self.values_of("whole.h5"))

    def test_a_value_that_was_damaged_costs_its_segment(self):
        definition = self.write("work.yaml", DEFINITION)
        process = self.start(0, "run", definition, "-o", "w.h5")
        self.wait_for_lines(process, "ran.txt", 40)
        self.kill_all(process)
        folder = self.path("w.h5.run/segments")
        for name in os.listdir(folder):
            if name.endswith(".h5"):
                with h5py.File(os.path.join(folder, name), "r") as f:
                    place = f.get("results/sums/fan/square")
                    offset = place.id.get_chunk_info(0).byte_offset if place is not None else None
                if offset is not None:
                    with open(os.path.join(folder, name), "r+b") as f:
                        f.seek(offset)
                        byte = f.read(1)
                        f.seek(offset)
                        f.write(bytes([byte[0] ^ 1]))
        for attempt in range(40):  # each launch finds one of them at least
            done = subprocess.run(self.command(2, "run", definition, "-o", "w.h5", "--resume"), cwd=self.folder,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode == 0:
                break
            self.assertEqual(done.returncode, 75, done.stdout)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.penstock(2, "run", definition, "-o", "whole.h5")
        self.assertEqual(self.values_of("w.h5"), self.values_of("whole.h5"))


if __name__ == "__main__":
    import unittest
    unittest.main()
