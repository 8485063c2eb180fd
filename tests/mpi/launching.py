"""Launches the program under test and reads what it leaves: what all launch tests share."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import h5py

PENSTOCK = os.environ.get("PENSTOCK", "penstock")


class LaunchTest(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="penstock-launch-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text if isinstance(text, str) else json.dumps(text))
        return self.path(name)

    def command(self, ranks, *arguments):
        command = [PENSTOCK, *map(str, arguments)]
        return ["mpirun", "--oversubscribe", "-n", str(ranks), *command] if ranks else command

    def penstock(self, ranks, *arguments, expect=0, timeout=120, stdin=subprocess.DEVNULL):
        """Runs to the end, checks the exit code, returns standard output and standard error together."""
        done = subprocess.run(self.command(ranks, *arguments), cwd=self.folder, stdin=stdin, timeout=timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, expect, f"{arguments} on {ranks} ranks:\n{done.stdout}")
        return done.stdout

    def run_definition(self, definition, ranks, *options, expect=0):
        name = definition if isinstance(definition, str) and definition.startswith("/") else self.write(
            "definition.yaml", definition)
        out = self.path(f"out-{ranks}.h5")
        self.penstock(ranks, "run", name, "-o", out, "--force", *options, expect=expect)
        return h5py.File(out, "r")

    def jobs(self, f):
        """{"name[instance]": status} of every row of /jobs; fails when a job has two rows."""
        names = f["jobs/name"].asstr()[:]
        instances = f["jobs/instance"].asstr()[:]
        statuses = f["jobs/status"].asstr()[:]
        rows = {}
        for name, instance, status in zip(names, instances, statuses):
            key = f"{name}[{instance}]" if instance else name
            self.assertNotIn(key, rows, "two rows for one job")
            rows[key] = status
        return rows

    def workers_of(self, launcher):
        """Worker processes of the launch: children of a rank but for its first one, the zygote they are forked from."""
        return [worker for rank in self.children_of(launcher) for worker in self.children_of(rank)[1:]]

    def children_of(self, process):
        children = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as f:
                    if int(f.read().rpartition(")")[2].split()[1]) == process:
                        children.append(int(pid))
            except OSError:
                pass
        return sorted(children)
