"""Worker processes that die cost their own job and nothing else."""
import os
import signal
import subprocess

import h5py

from launching import LaunchTest


class Faults(LaunchTest):
    def test_a_crashing_job_names_its_signal_and_the_others_go_on(self):
        definition = """
penstock: 1
name: crashes
jobs:
  fine: {worker: noop, for-each: {i: {range: [0, 2000]}}}
  die: {worker: crash, with: {how: "{how}"}, for-each: {how: [segfault, abort, exit]}}
"""
        with self.run_definition(definition, 3, expect=1) as f:
            rows = self.jobs(f)
            self.assertEqual(sum(status == "succeeded" for status in rows.values()), 2000)
            errors = [e for e in f["jobs/error"].asstr()[:] if e]
            self.assertEqual(len(errors), 3)
            self.assertTrue(any("SIGSEGV" in e for e in errors), errors)
            self.assertTrue(any("SIGABRT" in e for e in errors), errors)

    def test_commands_that_fail_say_how(self):
        definition = """
penstock: 1
name: fails
jobs:
  code: {worker: command, with: {shell: "echo oh no >&2; exit 7"}}
  signal: {worker: command, with: {shell: "kill -9 $$"}}
  nothing: {worker: command, with: {argv: [/no/such/program]}}
"""
        with self.run_definition(definition, 3, expect=1) as f:
            errors = dict(zip(f["jobs/name"].asstr()[:], f["jobs/error"].asstr()[:]))
            self.assertRegex(errors["code"], r"7")
            self.assertIn("oh no", errors["code"])
            self.assertIn("SIGKILL", errors["signal"])
            self.assertIn("/no/such/program", errors["nothing"])

    def test_killing_worker_processes_from_outside(self):
        """Each job says its process id and waits to be killed once a marker exists; others still run."""
        definition = """
penstock: 1
name: victims
jobs:
  victim: {worker: sleep, with: {seconds: 600}, for-each: {i: {range: [0, 2]}}}
  others: {worker: noop, for-each: {i: {range: [0, 500]}}}
"""
        self.write("definition.yaml", definition)
        run = subprocess.Popen(self.command(4, "run", "definition.yaml", "-o", "out.h5", "--slots", 2, "--events", "events"),
                               cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            self.wait_for_events(run, 500)
            for pid in self.workers_of(run.pid):
                os.kill(pid, signal.SIGKILL)
            said, _ = run.communicate(timeout=60)
        finally:
            run.kill()
            run.wait()
            run.stdout.close()
        self.assertEqual(run.returncode, 1, said)
        with h5py.File(self.path("out.h5")) as f:
            rows = self.jobs(f)
            self.assertEqual(sum(s == "succeeded" for s in rows.values()), 500)
            self.assertEqual([rows["victim[i=0]"], rows["victim[i=1]"]], ["failed", "failed"])
            errors = [e for e in f["jobs/error"].asstr()[:] if e]
            self.assertTrue(all("SIGKILL" in e for e in errors), errors)

    def wait_for_events(self, run, count):
        path = self.path("events")
        while run.poll() is None:
            if os.path.exists(path):
                with open(path) as f:
                    if sum('"event":"job"' in line for line in f) >= count:
                        return
            os.sched_yield()
        self.fail("the run ended early:\n" + run.stdout.read())
