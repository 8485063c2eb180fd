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


PATIENCE_S = 120  # a run takes a second or two; one that takes this long hangs
LAUNCHER_PATIENCE_S = 20  # mpirun without any rank


def kill_now(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Launch:
    """A run that is going on, and all the processes that belong to it."""

    def __init__(self, folder, command, number):
        self.mark = f"PENSTOCK_CAMPAIGN={os.getpid()}-{number}"
        self.launched = command[0] == "mpirun"
        self.path = os.path.join(folder, f"printed-{number}.txt")
        with open(self.path, "w", encoding="utf-8") as printed:
            self.process = subprocess.Popen(
                command, cwd=folder, env=dict([*os.environ.items(), self.mark.split("=")]), stdin=subprocess.DEVNULL,
                stdout=printed, stderr=subprocess.STDOUT, start_new_session=True)

    def printed(self):
        with open(self.path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def processes(self):
        """{pid: (parent, name, number of its rank)} of what lives."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as f:
                    environment = dict(entry.split("=", 1) for entry in f.read().decode(errors="replace").split("\0") if "=" in entry)
                with open(f"/proc/{pid}/stat") as f:
                    before, _, behind = f.read().rpartition(")")
            except OSError:
                continue
            if environment.get("PENSTOCK_CAMPAIGN") == self.mark.split("=")[1] and behind.split()[0] != "Z":
                found[int(pid)] = (int(behind.split()[1]), before.split("(", 1)[1], int(environment.get("OMPI_COMM_WORLD_RANK", 0)))
        return found

    def victims(self, kind, least_rank):
        processes = self.processes()
        root = self.process.pid
        ranks = [pid for pid, (parent, _, _) in processes.items() if parent == root] if self.launched else [root]
        if kind == "all":
            return [root, *ranks]
        if kind == "launcher":
            return [root]
        if kind == "rank":
            return [pid for pid in ranks if processes[pid][2] >= least_rank]
        children = [pid for pid, (parent, _, _) in processes.items() if parent in ranks]
        return [pid for pid in children if (processes[pid][1] == "penstock-zygote") == (kind == "zygote")]

    def wait(self, test):
        """Until the launch and all that belongs to it has ended. False when mpirun itself hung, with no rank left: when one is
        killed while it begins, PMIx 4.2 may lock itself out. No rank can do anything about that."""
        alone_since, end = None, time.monotonic() + PATIENCE_S
        while left := self.processes():
            now = time.monotonic()
            alone_since = (alone_since or now) if self.launched and set(left) == {self.process.pid} else None
            if alone_since and now > alone_since + LAUNCHER_PATIENCE_S:
                self.end()
                return False
            if now > end:
                self.end()
                test.fail(f"the launch hangs, or has left processes behind: {left}\n{self.printed()}")
            try:
                self.process.wait(timeout=0.2)
                time.sleep(0.005)
            except subprocess.TimeoutExpired:
                pass
        self.process.wait()
        return True

    def end(self):
        while left := self.processes():
            for pid in left:
                kill_now(pid)
            self.process.poll()
            time.sleep(0.01)
        self.process.wait()


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
            kill_now(pid)
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
