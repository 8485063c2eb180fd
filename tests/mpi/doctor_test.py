"""penstock doctor: what holds here is found by real launches of which parts are killed."""
import json
import os
import subprocess

from launching import PENSTOCK, LaunchTest


class Doctor(LaunchTest):
    def doctor(self, *arguments, expect=0):
        done = subprocess.run([PENSTOCK, "doctor", *arguments], cwd=self.folder, stdin=subprocess.DEVNULL, timeout=300,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, expect, done.stdout)
        return done.stdout

    def findings(self, *arguments, expect=0):
        all = json.loads(self.doctor(*arguments, "--json", expect=expect))
        self.assertEqual(all["ok"], expect == 0)
        return {f["what"]: f for f in all["findings"]}

    def test_open_mpi(self):
        found = self.findings("--launcher", "mpirun --oversubscribe -n 3")
        self.assertIn("3 ranks on 1 host, Open MPI", found["a launch works"]["found"])
        for what in ("MPI lets a program have threads (funneled)", "what ranks print arrives",
                     "SIGUSR1 to the launcher reaches the ranks",
                     "a run of one process works: a worker process, a command, results"):
            self.assertEqual(found[what]["result"], "holds", what)
        died = found["kill -9 of a rank: the launch ends, or the others live on"]
        self.assertIn("the launch ended after", died["found"])
        self.assertIn("--resume", died["advice"])
        lived = found["kill -9 of a rank: with --enable-recovery the others live on"]
        self.assertIn("they go on", lived["found"])
        self.assertIn("mpirun --enable-recovery", lived["advice"])
        self.assertEqual(found["a launch that has lost a rank ends when the others have"]["result"], "holds")
        self.assertEqual(os.listdir(self.folder), [], "nothing is left behind")

    def test_a_launcher_that_does_not_work(self):
        found = self.findings("--launcher", "mpirun -n 100000", expect=1)
        self.assertEqual(found["a launch works"]["result"], "does not")
        text = self.doctor("no-such-folder", expect=1)
        self.assertIn("! does not  files can be made in it  No such file or directory", text)
