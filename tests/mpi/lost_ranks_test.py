"""Ranks that die, or seem to, while the launcher lets the others live: what they had goes elsewhere.

PENSTOCK_KILLS=N kills ranks of that many runs (4 by default), PENSTOCK_KILL_SEED=S begins with that seed; each prints its
own.
"""
import os
import re
import signal
import subprocess
import threading
import time

import h5py

from killing import DEFINITION, KillTest, Launch, kill_now


class LostRanks(KillTest):
    def begin(self, ranks, *arguments):
        """A launch whose ranks outlive each other; what it prints is gathered in self.printed."""
        command = self.command(ranks, *arguments)
        process = subprocess.Popen([command[0], "--enable-recovery", *command[1:]], cwd=self.folder,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   start_new_session=True)
        self.addCleanup(self.end, process)
        self.printed = []
        self.said = threading.Condition()
        self.reader = threading.Thread(target=self.read, args=(process,))
        self.reader.start()
        self.wait_until(lambda text: re.search(rf"^\S+ +{ranks - 1} +\S+ +pid \d+", text, re.M))
        self.pids = {int(rank): int(pid)
                     for rank, pid in re.findall(r"^\S+ +(\d+) +\S+ +pid (\d+)", self.text(), re.M)}
        return process

    def read(self, process):
        for line in process.stdout:
            with self.said:
                self.printed.append(line)
                self.said.notify_all()
        with self.said:
            self.printed.append("\nEND\n")
            self.said.notify_all()

    def text(self):
        return "".join(self.printed)

    def wait_until(self, there):
        with self.said:
            self.assertTrue(self.said.wait_for(lambda: there(self.text()) or "\nEND\n" in self.text(), 100), self.text())
            self.assertTrue(there(self.text()), self.text())

    def end(self, process):
        if process.poll() is None:
            self.kill_all(process)
        self.reader.join()
        process.stdout.close()

    def wait_for_end(self, process):
        process.wait(timeout=100)
        self.reader.join()
        return self.text()

    def kill(self, rank, what=signal.SIGKILL):
        try:
            os.kill(self.pids[rank], what)
        except ProcessLookupError:
            pass  # the run was faster

    def test_killed_at_any_instant(self):
        self.kill_runs(4, self.kill_some)

    def kill_some(self, definition, chance, whole, lines, output):
        ranks = chance.choice([3, 4, 5, 6])
        pipeliners = chance.choice([1, 2]) if ranks > 4 else 1
        process = self.begin(ranks, "run", definition, "-o", output, "--pipeliners", pipeliners)
        brokers = list(range(1 + pipeliners, ranks))
        chance.shuffle(brokers)
        victims = brokers[:chance.randrange(0, len(brokers))] + [p for p in range(1, 1 + pipeliners) if chance.random() < 0.3]
        done = {}
        for victim in victims or [brokers[0]] * (len(brokers) > 1):
            before = len(self.lines_of("ran.txt"))
            self.wait_for_lines(process, "ran.txt", chance.randrange(before, max(before, lines) + 2))
            time.sleep(chance.random() * 0.02)
            if process.poll() is not None:
                break
            self.kill(victim)
            if chance.random() < 0.5 and self.penstock_or_not("collect", output, "-o", "so-far.h5"):
                done = self.check_kept(done, self.rows("so-far.h5"))
        text = self.wait_for_end(process)
        if "while the launch began" in text:  # MPI itself needs all of them then
            self.penstock(3, "run", definition, "-o", output, "--resume")
        else:
            self.assertIn("jobs succeeded;", text)
        self.check_kept(done, self.rows(output))
        self.assertEqual(self.values_of(output), whole, text)

    def penstock_or_not(self, *arguments):
        """False when there is nothing yet."""
        return subprocess.run(self.command(0, *arguments), cwd=self.folder, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0

    def test_a_stopped_rank_is_lost_and_told_to_leave_when_it_comes_back(self):
        definition = self.write("work.yaml", DEFINITION)
        self.penstock(3, "run", definition, "-o", "whole.h5")
        os.remove(self.path("ran.txt"))
        process = self.begin(5, "run", definition, "-o", "p.h5", "--broker-timeout", "2s")
        self.wait_for_lines(process, "ran.txt", 20)
        self.kill(3, signal.SIGSTOP)
        self.wait_until(lambda text: "rank 3 on" in text)
        self.kill(3, signal.SIGCONT)
        text = self.wait_for_end(process)
        self.assertIn("is lost: nothing has been heard of it for 2 s. What it had not made durable runs again elsewhere.",
                      text)
        self.assertEqual(self.values_of("p.h5"), self.values_of("whole.h5"), text)

    def test_a_rank_that_is_stopped_for_half_of_the_timeout_is_not_lost(self):
        definition = self.write("work.yaml", DEFINITION)
        process = self.begin(4, "run", definition, "-o", "p.h5", "--broker-timeout", "8s")
        self.wait_for_lines(process, "ran.txt", 20)
        self.kill(2, signal.SIGSTOP)
        time.sleep(4)  # what is tested is that time passes and nothing happens
        self.kill(2, signal.SIGCONT)
        text = self.wait_for_end(process)
        self.assertNotIn("is lost", text)
        self.assertIn("all 3,124 jobs succeeded", text)

    def test_values_that_were_not_saved_are_made_again(self):
        definition = self.write("unsaved.yaml", """
penstock: 1
name: unsaved
jobs:
  a: {worker: command, for-each: {n: {range: [0, 24]}}, save: none, with: {shell: "echo a{n} >> ran.txt; echo {n}", outputs: {v: {json: ""}}}}
  gate: {worker: command, after: a, with: {shell: "echo gate >> ran.txt; while ! test -e go; do sleep 0.01; done"}}
  b: {worker: command, for-each: {like: a}, after: gate, with: {shell: "echo $(({v} * 2))", outputs: {w: {json: ""}}}}
  sum: {worker: Sum, inputs: {values: b.w}}
""")
        process = self.begin(4, "run", definition, "-o", "u.h5")
        self.wait_for_lines(process, "ran.txt", 25)
        self.kill(3)
        self.wait_until(lambda text: "is lost" in text)
        self.write("go", "")
        text = self.wait_for_end(process)
        self.assertIn("all 50 jobs succeeded", text)
        self.assertEqual(self.rows("u.h5")["sum"][3], {"sum": 552})
        self.assertGreater(sum(line.startswith("a") for line in self.lines_of("ran.txt")), 24)

    def test_attempts_that_were_lost_have_rows(self):
        definition = self.write("long.yaml", """
penstock: 1
name: long
jobs:
  a: {worker: command, for-each: {n: [1, 2]}, with: {shell: "echo {n} >> ran.txt; while ! test -e go; do sleep 0.01; done"}}
""")
        process = self.begin(5, "run", definition, "-o", "l.h5")
        self.wait_for_lines(process, "ran.txt", 2)
        self.kill(2)
        self.wait_for_lines(process, "ran.txt", 3)
        self.write("go", "")
        self.assertIn("all 2 jobs succeeded", self.wait_for_end(process))
        self.assertEqual(sorted(row[1] for row in self.rows("l.h5").values()), [1, 2])
        with h5py.File(self.path("l.h5"), "r") as f:
            reasons = f["attempts/reason"].asstr()[:].tolist()
            self.assertIn("lost-broker", reasons)

    def test_a_job_under_which_rank_after_rank_dies_is_given_up(self):
        definition = self.write("killer.yaml", """
penstock: 1
name: killer
jobs:
  a: {worker: command, cpus: 2, with: {shell: "echo x >> ran.txt; kill -9 $PPID; sleep 1"}}
  b: {worker: command, after: [], with: {shell: "echo b"}}
""")
        process = self.begin(6, "run", definition, "-o", "k.h5", "--slots", "2", "--crash-limit", "2")
        text = self.wait_for_end(process)
        self.assertIn("1 of 2 jobs succeeded, 1 failed", text)
        self.assertIn("was lost with this job, as other ranks were before: it is not tried again", text)

    def test_without_brokers_the_run_ends_and_can_be_resumed(self):
        definition = self.write("work.yaml", DEFINITION)
        process = self.begin(4, "run", definition, "-o", "p.h5")
        self.wait_for_lines(process, "ran.txt", 30)
        self.kill(2)
        self.kill(3)
        text = self.wait_for_end(process)
        self.assertIn("the run could not go on: no rank is left that runs jobs", text)
        self.penstock(3, "run", definition, "-o", "p.h5", "--resume")
        self.penstock(3, "run", definition, "-o", "whole.h5")
        self.assertEqual(self.values_of("p.h5"), self.values_of("whole.h5"))

    def test_without_rank_0_the_others_leave(self):
        definition = self.write("work.yaml", DEFINITION)
        process = self.begin(4, "run", definition, "-o", "p.h5")
        self.wait_for_lines(process, "ran.txt", 30)
        self.kill(0)
        self.assertIn("rank 0, which leads the run, is lost", self.wait_for_end(process))
        self.penstock(3, "run", definition, "-o", "p.h5", "--resume")
        self.penstock(3, "run", definition, "-o", "whole.h5")
        self.assertEqual(self.values_of("p.h5"), self.values_of("whole.h5"))

    def test_a_rank_that_dies_in_its_last_moment_keeps_nobody(self):
        definition = self.write("work.yaml", "penstock: 1\nname: p\njobs:\n  a: {worker: noop, for-each: {n: {range: [0, 100]}}}\n")
        for victim in (1, 3):
            with self.subTest(victim=victim):
                command = self.command(4, "run", definition, "-o", f"{victim}.h5")
                command[1:1] = ["--enable-recovery", "-x", "LD_PRELOAD=" + os.environ["LAST_MOMENT_LIBRARY"],
                                "-x", f"DIES_LAST={victim}"]
                launch = Launch(self.folder, command, victim)
                self.addCleanup(launch.end)
                launch.wait(self)
                self.assertIn("all 100 jobs succeeded", launch.printed())
                with h5py.File(self.path(f"{victim}.h5"), "r") as f:
                    self.assertEqual(list(self.jobs(f).values()), ["succeeded"] * 100)

    def test_a_rank_that_dies_while_the_launch_begins_ends_it(self):
        definition = self.write("work.yaml", DEFINITION)
        for delay in (0, 0.002, 0.02):
            process = self.begin(4, "run", definition, "-o", f"b{delay}.h5")
            time.sleep(delay)  # any instant will do
            self.kill(3)
            text = self.wait_for_end(process)
            self.assertTrue("while the launch began" in text or "jobs succeeded" in text, text)

    def test_a_rank_that_dies_before_mpi_has_begun_ends_the_launch(self):
        """MPI would wait for it for ever."""
        definition = self.write("work.yaml", DEFINITION)
        for victim in (2, 0):
            for n in range(5):
                output = f"m{victim}-{n}.h5"
                command = self.command(4, "run", definition, "-o", output)
                launch = Launch(self.folder, [command[0], "--enable-recovery", *command[1:]], victim)
                while not (found := [pid for pid, (_, name, rank) in launch.processes().items()
                                     if (name, rank) == ("penstock-zygote", victim)]):
                    self.assertIsNone(launch.process.poll(), launch.printed())
                kill_now(launch.processes()[found[0]][0])  # the rank: it has just made its zygote
                # Again when mpirun itself hung, and what the ranks said is lost with it; and when this came too late.
                if launch.wait(self) and "pipeliner" not in launch.printed():
                    break
            self.assertRegex(launch.printed(), "leaves: .* while the launch began. Nothing has run; start it again, with --resume")
        self.penstock(3, "run", definition, "-o", output, "--resume")

    def test_a_stream_starts_again(self):
        definition = self.write("stream.yaml", """
penstock: 1
name: stream
stages:
  source: {worker: range, with: {stop: 300}}
  slow: {worker: command, from: source, workers: 2, ordered: true, with: {argv: [sh, -c, 'while read x; do sleep 0.002; echo $x >> ran.txt; echo $((x * 2)); done'], frames: lines}}
  count: {worker: Count, from: slow}
""")
        for victim in (1, 2, 3, 4):
            with self.subTest(victim=victim):
                process = self.begin(5, "run", definition, "-o", f"s{victim}.h5")
                before = len(self.lines_of("ran.txt"))
                self.wait_for_lines(process, "ran.txt", before + 60)
                self.kill(victim)
                text = self.wait_for_end(process)
                with h5py.File(self.path(f"s{victim}.h5"), "r") as f:
                    self.assertEqual(f["streams/stream/count"][:].tolist(), [300], text)

    def test_a_stream_that_starts_again_goes_on_with_the_file_it_writes(self):
        """Whether the stage that writes it was at the rank that is lost, or at one that lives and still has it open."""
        definition = self.write("lines.yaml", """
penstock: 1
name: lines
stages:
  source: {worker: range, with: {stop: 400}}
  slow: {worker: command, from: source, workers: 3, queue: 6, with: {argv: [sh, -c, 'while read x; do sleep 0.005; echo $x >> ran.txt; echo $x; done'], frames: lines}}
  before: {worker: to-lines, from: source, with: {file: before.txt}}
  behind: {worker: to-lines, from: slow, with: {file: behind.txt}}
""")
        for victim in (1, 2, 3, 4):
            with self.subTest(victim=victim):
                before = len(self.lines_of("ran.txt"))
                process = self.begin(5, "run", definition, "-o", f"l{victim}.h5")
                self.wait_for_lines(process, "ran.txt", before + 150)
                self.kill(victim)
                text = self.wait_for_end(process)
                self.assertEqual(self.lines_of("before.txt"), [str(n) for n in range(400)], text)
                self.assertEqual(sorted(map(int, self.lines_of("behind.txt"))), list(range(400)), text)
                with h5py.File(self.path(f"l{victim}.h5"), "r") as f:
                    for stage in ("before", "behind"):
                        self.assertEqual(f[f"streams/lines/{stage}"][:].tolist(), [400], text)
                self.assertEqual([name for name in os.listdir(self.folder) if name.endswith(".part")], [], text)
                for name in ("before.txt", "behind.txt"):
                    os.remove(self.path(name))


if __name__ == "__main__":
    import unittest
    unittest.main()
