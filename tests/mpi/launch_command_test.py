"""penstock launch: the exit code is the run's, whatever its launcher does, and it ends when the run has."""
import os
import shlex
import signal
import subprocess
import time

from launching import PENSTOCK, LaunchTest

FINE = "{penstock: 1, name: fine, jobs: {one: {worker: noop}}}"
FAILING = "{penstock: 1, name: failing, jobs: {one: {worker: command, with: {argv: ['false']}}}}"
WAITING = """{penstock: 1, name: waiting, jobs: {
    one: {worker: command, with: {argv: [sh, -c, 'touch started; until test -e go; do sleep 0.05; done']}},
    two: {worker: noop, after: one}}}"""
ECHO = "{penstock: 1, name: echo, data: {item: ''}, jobs: {one: {worker: command, with: {argv: [echo, '{item}']}}}}"


class LaunchCommand(LaunchTest):
    def launcher(self, ranks, *arguments):
        """The words that start it."""
        return self.command(ranks, "run", *arguments, "-o", self.path("out.h5"))

    def begin(self, words, stdin=subprocess.DEVNULL):
        return subprocess.Popen([PENSTOCK, "launch", self.path("out.h5"), *words], cwd=self.folder, stdin=stdin, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)

    def launch(self, words, expect):
        process = self.begin(words)
        printed = process.communicate(timeout=120)[0]
        self.assertEqual(process.returncode, expect, printed)
        return printed

    def test_the_exit_code_is_that_of_the_run(self):
        self.launch(self.launcher(3, self.write("d.yaml", FINE)), expect=0)
        self.launch(self.launcher(3, self.write("d.yaml", FAILING), "--force"), expect=1)
        self.launch(["--", *self.launcher(0, self.write("d.yaml", FINE), "--force")], expect=0)

    def test_a_run_that_is_refused_has_said_why_itself(self):
        printed = self.launch(self.launcher(0, self.path("nothing.yaml")), expect=2)
        self.assertIn("nothing.yaml", printed)
        self.assertNotIn("penstock launch:", printed)

    def test_a_launcher_that_stays_is_ended(self):
        for what in ("exec sleep 1000", "trap '' TERM; exec sleep 1000"):
            with self.subTest(what):
                run = shlex.join(self.launcher(2, self.write("d.yaml", FAILING), "--force"))
                self.launch(["sh", "-c", run + "; echo $$ > stays; " + what], expect=1)
                with open(self.path("stays")) as f:
                    self.assertFalse(os.path.exists(f"/proc/{f.read().strip()}"))

    def test_a_launcher_that_gives_another_code_is_not_believed(self):
        run = shlex.join(self.launcher(2, self.write("d.yaml", FINE)))
        self.launch(["sh", "-c", run + "; exit 9"], expect=0)

    def test_what_an_older_run_has_said_does_not_count(self):
        self.launch(self.launcher(2, self.write("d.yaml", FAILING)), expect=1)
        printed = self.launch(["sh", "-c", "exit 9"], expect=9)
        self.assertIn("`sh` ended with exit code 9, and no run has begun: see what it printed; the exit code is 9", printed)

    def test_a_launcher_s_success_is_no_success_of_a_run_that_was_refused(self):
        # As `mpirun --enable-recovery` does.
        run = shlex.join(self.launcher(2, self.write("d.yaml", "{penstock: 1, name: bad, jobs: {one: {worker: nope}}}")))
        printed = self.launch(["sh", "-c", run + "; exit 0"], expect=2)
        self.assertIn("unknown worker", printed)
        self.assertIn("`sh` ended with exit code 0, and no run has begun: see what it printed; the exit code is 2", printed)
        self.launch(self.launcher(2, self.write("d.yaml", FINE)), expect=0)
        again = shlex.join(self.launcher(2, self.write("d.yaml", FINE)))  # its results are there
        self.launch(["sh", "-c", again + "; exit 0"], expect=2)

    def test_a_launcher_s_success_is_no_success_of_a_run_whose_router_was_killed(self):
        for options in ((), ("--force",), ("--resume",)):
            with self.subTest(options):
                for left in filter(os.path.exists, (self.path("started"), self.path("go"))):
                    os.remove(left)
                run = shlex.join(self.launcher(0, self.write("d.yaml", WAITING), *options))
                process = self.begin(["sh", "-c", run + " & echo $! > router; wait; exit 0"])
                while not os.path.exists(self.path("started")) and process.poll() is None:
                    time.sleep(0.01)
                with open(self.path("router")) as f:
                    os.kill(int(f.read()), signal.SIGKILL)
                printed = process.communicate(timeout=120)[0]
                self.assertEqual(process.returncode, 75, printed)
                self.assertIn("ended with exit code 0, and its run has not said that it is over", printed)
                self.assertIn("go on with --resume; the exit code is 75", printed)

    def test_a_launcher_that_cannot_be_started(self):
        printed = self.launch(["no-such-launcher", "-n", "4"], expect=2)
        self.assertIn("cannot start `no-such-launcher`: No such file or directory", printed)

    def test_a_signal_reaches_the_run(self):
        definition = self.write("d.yaml", WAITING)
        for ranks, number in ((0, signal.SIGTERM), (3, signal.SIGUSR1)):  # told to end, mpirun forwards no more text
            with self.subTest(ranks=ranks):
                for left in filter(os.path.exists, (self.path("started"), self.path("go"))):
                    os.remove(left)
                process = self.begin(self.launcher(ranks, definition, "--force"))
                while not os.path.exists(self.path("started")) and process.poll() is None:
                    time.sleep(0.01)
                process.send_signal(number)
                printed = ""
                while "told to stop" not in printed:
                    line = process.stdout.readline()
                    self.assertNotEqual(line, "", printed)
                    printed += line
                self.write("go", "")
                printed += process.communicate(timeout=120)[0]
                self.assertEqual(process.returncode, 75, printed)

    def test_the_run_may_read_standard_input(self):
        process = self.begin(self.launcher(2, self.write("d.yaml", ECHO), "--for-each", "-"), stdin=subprocess.PIPE)
        printed = process.communicate("a\nb\nc\n", timeout=120)[0]
        self.assertEqual(process.returncode, 0, printed)
        self.assertIn("3 pipelines", printed)
