"""Launches that are killed in the middle, and what is left of them."""
import os
import random
import signal
import subprocess
import time

import h5py

from launching import LaunchTest

DEFINITION = """
penstock: 1
name: sums
jobs:
  prepare: {worker: command, with: {shell: "echo prepare >> ran.txt; echo 7", outputs: {p: {json: ""}}}}
  fan:
    worker: command
    for-each: {n: {range: [0, 60]}}
    after: prepare
    with: {argv: [sh, -c, 'sleep 0.01; echo "fan $1" >> ran.txt; echo $(($1 * $1))', x, "{n}"], outputs: {square: {json: ""}}}
  short: {worker: constant, for-each: {n: {range: [0, 3000]}}, with: {values: {one: 1}}}
  twin:
    worker: command
    for-each: {like: fan}
    with: {argv: [sh, -c, 'echo "twin $1" >> ran.txt; echo $(($1 + 1))', x, "{square}"], outputs: {next: {json: ""}}}
  sum: {worker: Sum, inputs: {values: fan.square}}
  last: {worker: Sum, inputs: {values: twin.next}}
  count: {worker: Sum, inputs: {values: short.one}}
"""


class KillTest(LaunchTest):
    def start(self, ranks, *arguments):
        return subprocess.Popen(self.command(ranks, *arguments), cwd=self.folder, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def lines_of(self, name):
        try:
            with open(self.path(name)) as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    def wait_for_lines(self, process, name, count):
        while len(self.lines_of(name)) < count and process.poll() is None:
            time.sleep(0.001)

    def kill_all(self, process):
        """Launcher and ranks at once."""
        ranks = self.children_of(process.pid)
        for pid in [process.pid, *ranks]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        process.communicate()

    def rows(self, name):
        """{job: (status, attempts, started, values)} of a results file."""
        with h5py.File(self.path(name), "r") as f:
            jobs = f["jobs"]
            labels = [f"{n}[{i}]" if i else n
                      for n, i in zip(jobs["name"].asstr()[:], jobs["instance"].asstr()[:])]
            self.assertEqual(len(labels), len(set(labels)), "two rows for one job")
            values = {}
            for pipeline in f.get("results", {}).values():
                for table in pipeline.values():
                    for row, job in enumerate(table["@job"][:]):
                        values[labels[job]] = {key: table[key][row] for key in table if not key.startswith("@")}
            return {label: (status, int(attempts), int(started), values.get(label))
                    for label, status, attempts, started in zip(labels, jobs["status"].asstr()[:], jobs["attempts"][:],
                                                                jobs["started"][:])}

    def values_of(self, name):
        return {label: (status, values) for label, (status, _, _, values) in self.rows(name).items()}

    def kill_runs(self, usual, kill):
        """Calls kill(definition, chance, what an undisturbed run comes to, how many lines it wrote, output) for many seeds."""
        definition = self.write("work.yaml", DEFINITION)
        self.penstock(3, "run", definition, "-o", "whole.h5")
        whole = self.values_of("whole.h5")
        lines = len(self.lines_of("ran.txt"))
        first = int(os.environ.get("PENSTOCK_KILL_SEED", random.randrange(10**6)))
        for seed in range(first, first + int(os.environ.get("PENSTOCK_KILLS", usual))):
            with self.subTest(seed=seed):
                if os.path.exists(self.path("ran.txt")):
                    os.remove(self.path("ran.txt"))
                kill(definition, random.Random(seed), whole, lines, f"{seed}.h5")

    def check_kept(self, before, now):
        """What was durable is still there, and has not run again."""
        for label, row in before.items():
            self.assertEqual(now.get(label, "lost"), row)
        return {label: row for label, row in now.items() if row[0] == "succeeded"}
