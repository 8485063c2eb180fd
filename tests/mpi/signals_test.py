"""What ends a launch early: signals of a scheduler, and the end of its time. Nothing counts as failed for it."""
import os
import signal
import subprocess
import time

import h5py

from launching import PENSTOCK, LaunchTest

COMMANDS = """
penstock: 1
name: sums
jobs:
  fan:
    worker: command
    for-each: {n: {range: [0, 6]}}
    with: {argv: [sh, -c, 'echo "$1" >> ran.txt; while ! test -e go; do sleep 0.05; done; echo $(($1 * $1))', x, "{n}"], outputs: {square: {json: ""}}}
  shell: {worker: command, for-each: {n: {range: [0, 2]}}, cpus: 1, with: {shell: "echo s{n} >> ran.txt; until test -e go; do sleep 0.05; done; echo 1", outputs: {one: {json: ""}}}}
  sum: {worker: Sum, inputs: {values: fan.square}}
"""

STREAM = """
penstock: 1
name: echoes
stages:
  numbers: {worker: range, with: {stop: 200}}
  echo:
    worker: command
    from: numbers
    workers: 2
    ordered: true
    with: {argv: [sh, -c, 'while read -r x; do echo "$x" >> ran.txt; while ! test -e go; do sleep 0.05; done; echo "$x"; done'], frames: lines, form: map}
"""


class Signals(LaunchTest):
    def start(self, ranks, *arguments, ignored=None):
        return subprocess.Popen(self.command(ranks, *arguments), cwd=self.folder, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
                                preexec_fn=ignored and (lambda: signal.signal(ignored, signal.SIG_IGN)))

    def lines(self):
        try:
            with open(self.path("ran.txt")) as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    def wait_for_lines(self, process, count):
        while len(self.lines()) < count and process.poll() is None:
            time.sleep(0.005)
        self.assertIsNone(process.poll(), "it ended by itself")

    def read_until(self, process, text):
        """What it printed until then."""
        printed = ""
        while text not in printed:
            line = process.stdout.readline()
            self.assertNotEqual(line, "", "it ended before it said " + text + ":\n" + printed)
            printed += line
        return printed

    def family(self, process):
        return [process] + [p for child in self.children_of(process) for p in self.family(child)]

    def ranks_of(self, process, ranks):
        return self.children_of(process.pid) if ranks else [process.pid]

    def rank_0(self, process, ranks):
        """The first one of the launcher's processes with this program."""
        return self.ranks_of(process, ranks)[0]

    def finish(self, process, expect):
        printed, _ = process.communicate(timeout=120)
        self.assertEqual(process.returncode, expect, printed)
        return printed

    def signal_all(self, processes, number):
        for pid in processes:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def check_jobs(self, name, jobs):
        with h5py.File(self.path(name), "r") as f:
            self.assertEqual(self.jobs(f), dict.fromkeys(jobs, "succeeded"))

    def all_jobs(self):
        return [f"fan[n={n}]" for n in range(6)] + [f"shell[n={n}]" for n in range(2)] + ["sum"]

    def test_a_signal_to_all_processes_fails_nothing(self):
        definition = self.write("work.yaml", COMMANDS)
        for ranks, number, children_first in ((0, signal.SIGTERM, True), (3, signal.SIGTERM, True),
                                              (4, signal.SIGINT, False), (2, signal.SIGUSR1, True)):
            with self.subTest(ranks=ranks, number=number):
                output = f"{ranks}.h5"
                for name in ("go", "ran.txt"):
                    if os.path.exists(self.path(name)):
                        os.remove(self.path(name))
                process = self.start(ranks, "run", definition, "-o", output, "--slots", 2)
                self.wait_for_lines(process, 2)
                told = [p for rank in self.ranks_of(process, ranks) for p in self.family(rank)]
                self.signal_all(reversed(told) if children_first else told, number)
                self.write("go", "")  # what the signal came too late for may end
                self.finish(process, 75)
                self.penstock(ranks, "run", definition, "-o", output, "--resume")
                self.check_jobs(output, self.all_jobs())

    def test_a_stream_whose_command_is_signalled_goes_on(self):
        definition = self.write("stream.yaml", STREAM)
        for ranks in (0, 3):
            with self.subTest(ranks=ranks):
                output = f"stream-{ranks}.h5"
                for name in ("go", "ran.txt"):
                    if os.path.exists(self.path(name)):
                        os.remove(self.path(name))
                process = self.start(ranks, "run", definition, "-o", output)
                self.wait_for_lines(process, 2)
                told = [p for rank in self.ranks_of(process, ranks) for p in self.family(rank)]
                self.signal_all(reversed(told), signal.SIGTERM)
                self.finish(process, 75)
                self.write("go", "")
                self.penstock(ranks, "run", definition, "-o", output, "--resume")
                with h5py.File(self.path(output), "r") as f:
                    self.assertEqual([int(x) for x in f["streams/echoes/echo"].asstr()[:]], list(range(200)))

    def test_the_first_signal_lets_what_runs_end(self):
        definition = self.write("work.yaml", COMMANDS)
        for ranks in (0, 3):
            for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP):
                with self.subTest(ranks=ranks, number=number):
                    output = f"once-{ranks}-{number}.h5"
                    for name in ("go", "ran.txt"):
                        if os.path.exists(self.path(name)):
                            os.remove(self.path(name))
                    process = self.start(ranks, "run", definition, "-o", output, "--slots", 2)
                    self.wait_for_lines(process, 2)
                    os.kill(self.rank_0(process, ranks), number)
                    printed = self.read_until(process, "told to stop")
                    self.write("go", "")
                    printed += self.finish(process, 75)
                    self.assertIn("2 of 9 jobs succeeded, 7 not finished", printed)
                    self.assertEqual(len(self.lines()), 2, "nothing started after the signal")
                    self.penstock(ranks, "run", definition, "-o", output, "--resume")
                    self.check_jobs(output, self.all_jobs())
                    self.assertEqual(len(self.lines()), 8, "what was done did not run again")

    def test_a_run_that_is_to_outlive_its_terminal_does(self):
        definition = self.write("work.yaml", COMMANDS)
        process = self.start(0, "run", definition, "-o", "nohup.h5", "--slots", 2, ignored=signal.SIGHUP)
        self.wait_for_lines(process, 2)
        os.kill(process.pid, signal.SIGHUP)
        self.write("go", "")
        self.finish(process, 0)
        self.check_jobs("nohup.h5", self.all_jobs())

    def test_the_second_signal_ends_what_runs(self):
        definition = self.write("work.yaml", COMMANDS + """  worker: {worker: sleep, with: {seconds: 1 h}, priority: 9}
  inline: {worker: sleep, with: {seconds: 1 h}, priority: 9, isolation: inline}
""")
        for ranks in (0, 3):
            with self.subTest(ranks=ranks):
                output = f"twice-{ranks}.h5"
                if os.path.exists(self.path("ran.txt")):
                    os.remove(self.path("ran.txt"))
                process = self.start(ranks, "run", definition, "-o", output, "--slots", 4)
                self.wait_for_lines(process, 2)
                family = self.family(process.pid)
                os.kill(self.rank_0(process, ranks), signal.SIGTERM)
                self.read_until(process, "told to stop")
                os.kill(self.rank_0(process, ranks), signal.SIGINT)
                printed = self.finish(process, 75)
                self.assertIn("0 of 11 jobs succeeded, 11 not finished", printed)
                self.assertIn("4 jobs were ended while running, and run again", printed)
                while any(os.path.exists(f"/proc/{p}") for p in family):  # or the test never ends
                    time.sleep(0.01)
                why = self.penstock(0, "why", output, "worker")
                self.assertIn("was stopped, because the run ended", why)

    def test_what_cannot_be_ended_is_left_behind(self):
        job = self.write("stuck.yaml", "penstock: 1\nname: p\njobs:\n  a: {worker: stuck, isolation: inline}\n")
        stream = self.write("stream.yaml", """
penstock: 1
name: s
stages:
  numbers: {worker: range, with: {stop: 5}}
  b: {worker: stuck, from: numbers, isolation: inline}
""")
        for ranks in (0, 3):
            for definition in (job, stream):
                with self.subTest(ranks=ranks, definition=definition):
                    mark = self.path("stuck")
                    if os.path.exists(mark):
                        os.remove(mark)
                    command = [os.environ["TREE_WORKERS"] if word == PENSTOCK else word
                               for word in self.command(ranks, "run", definition, "-o", "stuck.h5", "--force")]
                    process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                               stderr=subprocess.STDOUT, text=True, start_new_session=True)
                    while not os.path.exists(mark) and process.poll() is None:
                        time.sleep(0.01)
                    os.kill(self.rank_0(process, ranks), signal.SIGTERM)
                    self.read_until(process, "told to stop")
                    os.kill(self.rank_0(process, ranks), signal.SIGTERM)
                    self.finish(process, 75)

    def test_what_does_not_fit_into_the_walltime_is_left(self):
        definition = self.write("long.yaml", """
penstock: 1
name: long
jobs:
  short: {worker: command, for-each: {n: {range: [0, 4]}}, with: {shell: "echo {n} >> ran.txt", outputs: {}}}
  long: {worker: command, for-each: {n: {range: [0, 3]}}, timeout: 2 h, with: {shell: "echo long >> ran.txt", outputs: {}}}
  after: {worker: noop, after: long}
""")
        for ranks in (0, 3):
            with self.subTest(ranks=ranks):
                output = f"fit-{ranks}.h5"
                if os.path.exists(self.path("ran.txt")):
                    os.remove(self.path("ran.txt"))
                printed = self.penstock(ranks, "run", definition, "-o", output, "--walltime", "1 h", expect=75)
                self.assertIn("Not started: 3 jobs of long/long that take about 2 h", printed)
                self.assertIn("did not fit in the 59 min", printed)
                self.assertEqual(sorted(self.lines()), ["0", "1", "2", "3"])
                why = self.penstock(0, "why", output, "long[n=1]")
                self.assertIn("3 jobs of long/long were left for the next launch: one takes about 2 h", why)
                self.penstock(ranks, "run", definition, "-o", output, "--resume", "--walltime", "none")
                self.assertEqual(len(self.lines()), 7)

    def test_what_runs_at_the_end_of_the_walltime_is_ended(self):
        definition = self.write("sleeps.yaml", """
penstock: 1
name: sleeps
jobs:
  a: {worker: command, for-each: {n: {range: [0, 9]}}, with: {shell: "test -e go || exec sleep 1000; echo 1", outputs: {v: {json: ""}}}}
---
penstock: 1
name: echoes
stages:
  numbers: {worker: range, with: {stop: 5}}
  echo: {worker: command, from: numbers, with: {argv: [sh, -c, 'while read -r x; do test -e go || sleep 1000; echo "$x"; done'], frames: lines, form: map}}
""")
        for ranks in (0, 3):
            with self.subTest(ranks=ranks):
                output = f"end-{ranks}.h5"
                if os.path.exists(self.path("go")):
                    os.remove(self.path("go"))
                printed = self.penstock(ranks, "run", definition, "-o", output, "--walltime", "4 s",
                                        "--walltime-margin", "1 s", expect=75)
                self.assertIn("the time did not suffice (--walltime)", printed)
                self.assertIn("jobs were ended while running, and run again", printed)
                self.assertIn("the stream has not finished", printed)
                self.assertIn("Streams that have not ended start again then, from the beginning.", printed)
                self.write("go", "")
                self.penstock(ranks, "run", definition, "-o", output, "--resume")
                self.check_stream(output)

    def check_stream(self, output):
        with h5py.File(self.path(output), "r") as f:
            self.assertEqual([int(x) for x in f["streams/echoes/echo"].asstr()[:]], list(range(5)))
            self.assertEqual(set(f["jobs/status"].asstr()[:]), {"succeeded"})
