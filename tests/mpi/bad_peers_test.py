"""Ranks that send what makes no sense, and launches of two builds: nothing crashes or hangs, and it is said who did it."""
import os
import subprocess
import unittest

import h5py

from launching import LaunchTest, PENSTOCK

BAD_PEER = os.environ.get("BAD_PEER", "bad_peer")

LONG = """
penstock: 1
name: work
jobs:
  a: {worker: command, with: {shell: "while true; do sleep 0.1; done"}}
"""

WORK = """
penstock: 1
name: work
jobs:
  a: {worker: noop, for-each: {n: {range: [0, 200]}}}
  b: {worker: noop, after: a}
"""


class BadPeers(LaunchTest):
    def launch(self, how, work=WORK):
        """Rank 0 and two more that are sound, and a last one that is not."""
        definition = self.write("work.yaml", work)
        arguments = ["run", definition, "-o", self.path("work.h5"), "--force", "--broker-timeout", "2s"]
        return subprocess.run(
            ["mpirun", "--oversubscribe", "-n", "3", PENSTOCK, *arguments,
             ":", "-n", "1", "-x", f"PENSTOCK_BAD_PEER={how}", BAD_PEER, *arguments],
            cwd=self.folder, stdin=subprocess.DEVNULL, timeout=120, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True)

    def test_what_makes_no_sense_is_dropped_and_told_with_its_sender(self):
        done = self.launch("garbage")
        self.assertEqual(done.returncode, 0, done.stdout)
        with h5py.File(self.path("work.h5"), "r") as f:
            rows = self.jobs(f)
        self.assertEqual(len(rows), 201)
        self.assertEqual(set(rows.values()), {"succeeded"})
        for rank in range(3):
            self.assertIn(f"rank {rank} dropped a message from rank 3: ", done.stdout)
        for problem in ("messages of version", "a message of unknown kind", "a frame that cannot be read",
                        "only a pipeliner sends Skipped", "this rank has no role that takes Stop",
                        "only the router sends Stop"):
            self.assertIn(problem, done.stdout)

    def test_items_that_are_announced_and_do_not_come_as_announced_end_the_run(self):
        for how, problem in [("short", "and sent 5: "), ("long", "and sent more: "),
                             ("never", "and did not send them for 10 s, although it lives: ")]:
            with self.subTest(how=how):
                done = self.launch(how, LONG)
                self.assertNotEqual(done.returncode, 0, done.stdout)
                self.assertRegex(done.stdout, "at rank 2: rank 3 announced .*" + problem +
                                 "what it says cannot be relied on. Go on with --resume")

    def test_two_builds_in_one_launch_are_refused_with_both_versions(self):
        done = self.launch("version")
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"two builds are in one launch: rank 0 is Penstock [0-9.]+ with messages of version "
                                      r"[0-9]+, rank 3 is Penstock 99.0.0 with messages of version [0-9]+")
        self.assertIn("start the same build on every host", done.stdout)
        self.assertNotIn("bug", done.stdout)
        self.assertFalse(os.path.exists(self.path("work.h5")))


if __name__ == "__main__":
    unittest.main()
