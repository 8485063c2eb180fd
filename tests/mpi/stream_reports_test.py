"""What people are told of streams: stages and not jobs, what each has done, and which of them holds the others up."""
import json
import os
import re
import signal
import subprocess
import time

import h5py

from launching import LaunchTest


class StreamReports(LaunchTest):
    DEFINITION = """
penstock: 1
name: counted
stages:
  numbers: {worker: range, with: {stop: 20000}}
  some: {worker: filter, from: numbers, with: {at-least: 500}, workers: 3, ordered: true}
  fewer: {worker: filter, from: some, with: {at-most: 9999}, workers: 2, ordered: true}
  how-many: {worker: count, from: fewer}
"""

    def counts(self, f, pipeline):
        """{stage: {key: sum over its workers}} of the rows of @stages."""
        sums = {}
        for row in map(json.loads, f[f"streams/{pipeline}/@stages"].asstr()[:]):
            of = sums.setdefault(row.pop("stage"), {})
            of["workers"] = of.get("workers", 0) + 1
            for key, value in row.items():
                of[key] = of.get(key, 0) + value
        return sums

    def test_items_are_counted_on_every_number_of_ranks(self):
        for ranks in (0, 2, 4):
            with self.subTest(ranks=ranks), self.run_definition(self.DEFINITION, ranks) as f:
                sums = self.counts(f, "counted")
                self.assertEqual(list(sums), ["numbers", "some", "fewer", "how-many"])
                self.assertEqual([s["workers"] for s in sums.values()], [1, 3, 2, 1])
                self.assertEqual([s["items_in"] for s in sums.values()], [0, 20000, 19500, 9500])
                self.assertEqual([s["items_out"] for s in sums.values()], [20000, 19500, 9500, 1])
                self.assertEqual([s["dropped"] for s in sums.values()], [0, 500, 10000, 0])
                self.assertEqual(sums["some"]["bytes_in"], sums["numbers"]["bytes_out"])
                for stage, s in sums.items():
                    self.assertGreater(s["busy_s"], 0, stage)
                    self.assertLessEqual(s["blocked_s"] + s["starved_s"], s["alive_s"] + 1e-6, stage)
                self.assertTrue((f["attempts/cpu"][:] > 0).all(), "every worker of a stage has taken CPU time")
                names = list(f["jobs/name"].asstr()[:])
                self.assertEqual(sorted(set(names)), ["fewer", "how-many", "numbers", "some"], "what is added has no rows")
                self.assertEqual(f.attrs["format_version"], 2)

    def test_stages_are_told_as_stages(self):
        self.write("definition.yaml", self.DEFINITION)
        said = self.penstock(3, "run", "definition.yaml", "-o", "out.h5", "--events", "events")
        self.assertIn("the stream succeeded; 20,000 items in ", said)
        self.assertNotIn("@", said)
        self.assertNotIn(" job", said.replace(" jobs/s", ""))
        lines = {line.split()[0]: line.split() for line in said.splitlines() if line.startswith("  ")}
        self.assertEqual(lines["some"][1:5], ["3", "20,000", "19,500", "500"], said)
        with open(self.path("events"), encoding="utf-8") as f:
            events = [json.loads(line) for line in f]
        self.assertEqual(sorted(e["stage"] for e in events if e["event"] == "stage"),
                         ["fewer", "how-many", "numbers", "some"])
        self.assertEqual([e["event"] for e in events if e["event"] not in ("stage", "start")], ["pipeline", "end"])
        ended = events[-2]
        self.assertEqual((ended["succeeded"], ended["failed"]), (4, 0))
        table = self.penstock(0, "stages", "out.h5")
        self.assertIn("\nsome ", table)
        rows = [json.loads(line) for line in self.penstock(0, "stages", "out.h5", "--json").splitlines()]
        self.assertEqual(sum(r["items_in"] for r in rows if r["stage"] == "some"), 20000)
        jobs = self.penstock(0, "jobs", "out.h5")
        self.assertNotIn("@", jobs)
        self.assertNotIn("@", self.penstock(0, "dot", "--run", "out.h5"))
        self.penstock(0, "log", "out.h5", "counted/some")
        self.penstock(0, "log", "out.h5", "counted/some#2")

    def test_skipped_items_of_all_workers_are_in_one_log(self):
        definition = """
penstock: 1
name: skips
stages:
  numbers: {worker: range, with: {stop: 30}}
  lists: {worker: flatten, from: numbers, workers: 2, on-error: skip}
"""
        self.write("definition.yaml", definition)
        self.penstock(2, "run", "definition.yaml", "-o", "out.h5")
        with h5py.File(self.path("out.h5")) as f:
            self.assertEqual(self.counts(f, "skips")["lists"]["skipped"], 30)

    def test_the_log_of_a_stage_that_runs_has_all_its_workers(self):
        self.write("definition.yaml", """
penstock: 1
name: talks
stages:
  numbers: {worker: range, with: {stop: 2}}
  says:
    worker: command
    from: numbers
    workers: 2
    with: {frames: lines, argv: [sh, -c, 'echo "this is $PENSTOCK_WORKER" >&2; echo x >> said; while read x; do while ! test -e go; do sleep 0.01; done; echo $x; done']}
""")
        launcher = subprocess.Popen(self.command(2, "run", "definition.yaml", "-o", "out.h5"), cwd=self.folder,
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            shown = ""
            while launcher.poll() is None and not ("this is 0" in shown and "this is 1" in shown):
                shown = subprocess.run(self.command(0, "log", "out.h5", "talks/says"), cwd=self.folder, text=True,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
            self.assertIsNone(launcher.poll(), "it went on without `go`")
            self.assertEqual(shown, "== worker=0 ==\nthis is 0\n== worker=1 ==\nthis is 1\n")
            self.assertEqual(self.penstock(0, "log", "out.h5", "talks/says[worker=1]"), "this is 1\n")
        finally:
            self.write("go", "")
            launcher.wait(timeout=120)
        said = self.penstock(0, "log", "out.h5", "talks/says")
        self.assertIn("== worker=0 ==\nthis is 0\n== worker=1 ==\nthis is 1\n", said)
        self.assertIn("talks/says[worker=0]: succeeded", said)

    def test_a_stream_that_fails_has_counts_too(self):
        definition = """
penstock: 1
name: fails
stages:
  numbers: {worker: range, with: {stop: 1000000}}
  lists: {worker: flatten, from: numbers}
"""
        self.write("definition.yaml", definition)
        said = self.penstock(2, "run", "definition.yaml", "-o", "out.h5", expect=1)
        self.assertIn("the stream failed", said)
        self.assertIn("1 stage of flatten: fails/lists", said)
        with h5py.File(self.path("out.h5")) as f:
            self.assertEqual(self.counts(f, "fails")["lists"]["failed"], 1)

    def test_the_stage_that_holds_the_others_up_is_named(self):
        definition = """
penstock: 1
name: slow
stages:
  numbers: {worker: range, with: {stop: 40}, queue: 4}
  nap: {worker: sleep, from: numbers, with: {seconds: 0.05}, workers: 2, queue: 4}
  how-many: {worker: Count, from: nap}
"""
        self.write("definition.yaml", definition)
        said = self.penstock(3, "run", "definition.yaml", "-o", "out.h5")
        self.assertRegex(said, r"bottleneck: nap: its 2 workers were busy \d+ % of the time")
        self.assertIn("More workers would help: `workers: 4`", said)

    def test_streams_that_hold_too_much_are_refused(self):
        definition = """
penstock: 1
name: wide
stages:
  numbers: {worker: range, with: {stop: 10}}
  some: {worker: filter, from: numbers, with: {at-least: 0}, workers: 10000, cpus: 1}
"""
        self.write("definition.yaml", definition)
        said = self.penstock(2, "run", "definition.yaml", "-o", "out.h5", expect=2)
        self.assertIn("wide cannot run in this launch", said)
        self.assertIn("wide cannot run in this launch", self.penstock(0, "check", "definition.yaml"))

    def test_two_streams_that_want_all_slots_run_one_after_the_other(self):
        self.write("any.yaml", self.DEFINITION)
        roles = self.penstock(3, "run", "any.yaml", "--dry-run")
        cpus = int(re.search(r"broker .* (\d+) slots?", roles).group(1))
        for name in ("first", "second"):
            self.write(f"{name}.yaml", f"""
penstock: 1
name: {name}
stages:
  numbers: {{worker: range, with: {{stop: 1000}}}}
  some: {{worker: filter, from: numbers, with: {{at-least: 0}}, workers: {cpus}, cpus: 1}}
""")
        self.penstock(3, "run", "first.yaml", "second.yaml", "-o", "out.h5")
        with h5py.File(self.path("out.h5")) as f:
            for name in ("first", "second"):
                self.assertEqual(len(f[f"streams/{name}/some"]), 1000)

    def test_strict_slots(self):
        definition = """
penstock: 1
name: shares
stages:
  numbers: {worker: range, with: {stop: 10}}
  some: {worker: filter, from: numbers, with: {at-least: 0}, workers: 1000}
"""
        self.write("definition.yaml", definition.replace("1000}", "3}"))
        said = self.penstock(2, "run", "definition.yaml", "-o", "out.h5", "--slots", "2")
        self.assertEqual(said.count("share 2 slots"), 1, said)
        said = self.penstock(2, "run", "definition.yaml", "-o", "out.h5", "--force", "--slots", "2", "--strict-slots", expect=2)
        self.assertIn("--strict-slots refuses that", said)
        said = self.penstock(2, "run", "definition.yaml", "-o", "out.h5", "--force", "--slots", "8", "--strict-slots")
        self.assertNotIn("share 8 slots", said)

    def test_the_summary_survives_an_mpirun_that_is_told_to_end(self):
        definition = """
penstock: 1
name: endless
stages:
  numbers: {worker: range, with: {stop: 1000000000000}}
  how-many: {worker: Count, from: numbers}
"""
        self.write("definition.yaml", definition)
        launcher = subprocess.Popen(self.command(3, "run", "definition.yaml", "-o", "out.h5"), cwd=self.folder,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in launcher.stdout:
            if "items" in line:
                break
        launcher.send_signal(signal.SIGTERM)
        launcher.communicate(timeout=60)
        for _ in range(200):  # mpirun may be gone before rank 0 is
            if os.path.exists(self.path("out.h5.run/summary.txt")):
                break
            time.sleep(0.05)
        with open(self.path("out.h5.run/summary.txt"), encoding="utf-8") as f:
            summary = f.read()
        self.assertIn("interrupted", summary)
        self.assertIn("numbers", summary)
        self.assertTrue(summary.endswith("\nexit code 75\n"), summary)  # which mpirun may not give

    def test_bad_lines_are_counted(self):
        self.write("definition.yaml", "{penstock: 1, name: p, jobs: {j: {worker: constant, with: {values: {x: '{item}'}}}}}")
        self.write("lines", 'good\n{"unfinished\nalso good\n{"item": }\n')
        said = self.penstock(2, "run", "definition.yaml", "-o", "out.h5", "--for-each", "lines", expect=1)
        self.assertIn("2 lines of --for-each were no good and left out", said)


if __name__ == "__main__":
    import unittest
    unittest.main()
