"""A rank that throws where nothing expects it: exit code 70, a message that says so, and what was durable stays."""
import json
import os
import subprocess
import unittest

import h5py

from launching import LaunchTest

BEFORE = """
penstock: 1
name: before
jobs:
  step: {worker: command, with: {argv: ["true"]}, for-each: {i: {range: [0, 20]}}}
"""
# The gate opens when somebody writes to the FIFO; what is behind it is the first job that needs a thread of its broker.
BEHIND = """
penstock: 1
name: behind
jobs:
  gate: {worker: command, with: {shell: "read word < gate"}}
  through: {worker: noop, isolation: inline, after: gate}
"""


class Bug(LaunchTest):
    def setUp(self):
        super().setUp()
        self.write("before.yaml", BEFORE)
        self.write("behind.yaml", BEHIND)
        os.mkfifo(self.path("gate"))

    def launch(self, ranks):
        preload = ["env", "LD_PRELOAD=" + os.environ["NO_THREADS_LIBRARY"], "NO_THREADS=" + self.path("marker")]
        command = self.command(ranks, "run", "before.yaml", "behind.yaml", "-o", "out.h5", "--events", "events", "-v",
                               "--slots", 2)
        at = len(command) - command[::-1].index("run") - 2  # of the program
        return subprocess.Popen(command[:at] + preload + command[at:], cwd=self.folder, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def wait_for_the_end_of(self, run, pipeline):
        """Its end is told when all it did is durable."""
        while run.poll() is None:
            try:
                with open(self.path("events")) as events:
                    told = [json.loads(line) for line in events if line.endswith("\n")]
            except FileNotFoundError:
                told = []
            if any(e.get("event") == "pipeline" and e["pipeline"] == pipeline for e in told):
                return
        self.fail("the launch ended too early:\n" + run.communicate()[0])

    def throws(self, ranks):
        run = self.launch(ranks)
        self.addCleanup(run.kill)
        self.wait_for_the_end_of(run, "before")
        self.write("marker", "")
        with open(self.path("gate"), "w") as gate:
            gate.write("go\n")
        said, _ = run.communicate(timeout=60)
        self.assertEqual(run.returncode, 70, said)
        self.assertRegex(said, r"this is a bug of Penstock \d+\.\d+\.\d+, at rank %d: Resource temporarily unavailable"
                         % max(ranks - 1, 0))
        self.assertIn("Please report it", said)
        self.penstock(0, "collect", "out.h5.run", "-o", "out.h5")
        with h5py.File(self.path("out.h5"), "r") as f:
            rows = self.jobs(f)
        self.assertEqual(sum(name.startswith("step[") and status == "succeeded" for name, status in rows.items()), 20)
        self.assertNotIn("through", rows)

    def test_alone(self):
        self.throws(0)

    def test_a_broker_of_three_ranks(self):
        self.throws(3)


if __name__ == "__main__":
    unittest.main()
