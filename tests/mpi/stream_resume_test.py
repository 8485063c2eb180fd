"""Streams whose launch was killed go on behind the last position that is durable, and make what undisturbed ones make."""
import os
import random
import re
import shutil
import time
import unittest

import h5py

from killing import KillTest

ITEMS = 400
# What it makes is small, so that it is easily compared: all results in order, any order, lists of two, and folds.
DEFINITION = """
penstock: 1
name: way
stages:
  numbers: {worker: range, with: {stop: 400}}
  double:
    worker: command
    from: numbers
    workers: 3
    ordered: ORDERED
    with: {shell: 'echo {item} >> ran.txt; sleep 0.01$(({item} % 7)); echo $(({item} * 2))'}
  pairs: {worker: batch, from: double, with: {items: 2}}
  total: {worker: Count, from: double, workers: 2}
  written: {worker: to-lines, from: double, with: {file: out.txt}}
"""
GOES_ON = re.compile(r"stream way goes on behind the first ([0-9]+) items of its source")


def definition(ordered):
    return DEFINITION.replace("ORDERED", "true" if ordered else "false").replace("stop: 400", f"stop: {ITEMS}")


class StreamResume(KillTest):
    def check_results(self, name, ordered):
        with h5py.File(self.path(name), "r") as f:
            self.assertEqual(f["streams/way/total"][:].tolist(), [ITEMS])
            pairs = [text.decode() for text in f["streams/way/pairs"][:]]
        self.assertEqual(len(pairs), ITEMS // 2)
        numbers = [int(n) for pair in pairs for n in re.findall(r"[0-9]+", pair)]
        wanted = [2 * n for n in range(ITEMS)]
        self.assertEqual(numbers if ordered else sorted(numbers), wanted)
        lines = list(map(int, " ".join(self.lines_of("out.txt")).split()))
        self.assertEqual(lines if ordered else sorted(lines), wanted)

    def test_killed_at_any_instant(self):
        first = int(os.environ.get("PENSTOCK_KILL_SEED", random.randrange(10**6)))
        went_on = 0
        for seed in range(first, first + int(os.environ.get("PENSTOCK_KILLS", 6))):
            with self.subTest(seed=seed):
                chance = random.Random(seed)
                ordered = chance.random() < 0.5
                work = self.write("way.yaml", definition(ordered))
                output = f"{seed}.h5"
                for name in ("ran.txt", "out.txt"):
                    open(self.path(name), "w").close()
                behind = 0
                for kill in range(chance.randrange(1, 4)):
                    before = len(self.lines_of("ran.txt"))
                    launch = self.start(chance.choice([0, 3, 4]), "run", work, "-o", output, *(["--resume"] if kill else []))
                    self.wait_for_lines(launch, "ran.txt", before + chance.randrange(1, ITEMS))
                    self.kill_all(launch)
                before = len(self.lines_of("ran.txt"))
                text = self.penstock(chance.choice([0, 2, 3]), "run", work, "-o", output, "--resume")
                told = GOES_ON.search(text)
                if told:
                    behind = int(told.group(1))
                    went_on += 1
                again = [int(line) for line in self.lines_of("ran.txt")[before:]]
                self.assertEqual([n for n in again if n < behind], [], text)
                self.check_results(output, ordered)
        self.assertEqual([name for name in os.listdir(self.folder) if name.endswith(".part")], [])
        print(f"{went_on} streams went on", flush=True)

    def test_told_to_stop_and_resumed(self):
        """What was stopped goes on too, with another number of workers; nothing runs again once it has ended."""
        work = self.write("way.yaml", definition(True))
        open(self.path("ran.txt"), "w").close()
        launch = self.start(0, "run", work, "-o", "out.h5")
        self.wait_for_lines(launch, "ran.txt", ITEMS // 2)
        launch.terminate()
        self.assertIn("Streams that have not ended go on then, behind what was durable of them.", launch.communicate()[0])
        self.write("way.yaml", definition(True).replace("workers: 3", "workers: 2"))
        text = self.penstock(0, "run", work, "-o", "out.h5", "--resume")
        self.assertRegex(text, GOES_ON)
        self.check_results("out.h5", True)
        ran = len(self.lines_of("ran.txt"))
        self.penstock(0, "run", work, "-o", "out.h5", "--resume")
        self.assertEqual(len(self.lines_of("ran.txt")), ran)
        self.penstock(0, "run", work, "-o", "out.h5", "--resume")
        self.assertEqual(len(self.lines_of("ran.txt")), ran, "not in the third launch either")
        self.assertEqual(os.listdir(self.path("out.h5.run/positions")), [])

    def stopped(self, text):
        work = self.write("way.yaml", text)
        open(self.path("ran.txt"), "w").close()
        launch = self.start(0, "run", work, "-o", "out.h5", "--force")
        self.wait_for_lines(launch, "ran.txt", ITEMS // 2)
        launch.terminate()
        self.said_at_its_end = launch.communicate()[0]
        return work

    def test_a_stream_that_cannot_go_on_says_why(self):
        for change, why in [
            (lambda t: t.replace("{worker: range", "{worker: range, workers: 2"), "its source `numbers` has several workers"),
            (lambda t: t + "  some: {worker: sample, from: double, with: {limit: 4}}\n", "`some` passes on what there is time for"),
            (lambda t: t + "  few: {worker: flatten, from: [pairs, pairs2], merge: zip}\n"
                           "  pairs2: {worker: batch, from: double, with: {items: 2}}\n", "in turn"),
        ]:
            with self.subTest(why=why):
                work = self.stopped(change(definition(True)))
                self.assertIn("Streams that have not ended start again then, from the beginning.", self.said_at_its_end)
                text = self.penstock(0, "run", work, "-o", "out.h5", "--resume")
                self.assertRegex(text, "stream way begins again: .*" + re.escape(why))

    def test_a_stream_that_has_changed_begins_again(self):
        work = self.stopped(definition(True))
        self.write("way.yaml", definition(True).replace("items: 2", "items: 4"))
        text = self.penstock(0, "run", work, "-o", "out.h5", "--resume")
        self.assertIn("stream way begins again: no position of it is durable, or it has changed since", text)
        with h5py.File(self.path("out.h5"), "r") as f:
            self.assertEqual(len(f["streams/way/pairs"]), ITEMS // 4)

    def test_a_damaged_position_costs_time_and_nothing_else(self):
        work = self.stopped(definition(True))
        folder = self.path("out.h5.run/positions")
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "r+b") as f:
                f.seek(40)
                f.write(b"\xff\xff")
        text = self.penstock(0, "run", work, "-o", "out.h5", "--resume")
        self.assertIn("stream way begins again", text)
        self.check_results("out.h5", True)

    def begun(self, ranks, text, is_ready, *options):
        """A launch of that definition that has a position, and for which `is_ready`."""
        work = self.write("way.yaml", text)
        launch = self.start(ranks, *options, "run", work, "-o", "out.h5")
        positions = self.path("out.h5.run/positions")
        while launch.poll() is None and not (os.path.isdir(positions) and any("." not in name for name in os.listdir(positions))
                                             and is_ready()):
            time.sleep(0.001)
        self.assertIsNone(launch.poll(), "it was faster")
        return work, launch

    BRANCHES = """
penstock: 1
name: way
stages:
  numbers: {worker: range, with: {stop: 200}}
  written: {worker: to-lines, from: numbers, with: {file: out.txt}}
  slow: {worker: command, from: numbers, with: {shell: 'echo {item} >> ran.txt; sleep 0.02; echo {item}'}}
"""

    def check_branches(self, text):
        self.assertEqual(self.lines_of("out.txt"), [str(n) for n in range(200)], text)
        with h5py.File(self.path("out.h5"), "r") as f:
            self.assertEqual(f["streams/way/written"][:].tolist(), [200], text)
            self.assertEqual([int(n) for n in f["streams/way/slow"][:]], list(range(200)), text)
        self.assertEqual([name for name in os.listdir(self.folder) if name.endswith(".part")], [], text)

    def test_a_file_that_was_complete_before_other_stages_ended(self):
        work, launch = self.begun(0, self.BRANCHES, lambda: os.path.exists(self.path("out.txt")) and len(self.lines_of("ran.txt")) > 60)
        self.kill_all(launch)
        text = self.penstock(3, "run", work, "-o", "out.h5", "--resume")
        self.assertGreater(int(GOES_ON.search(text).group(1)), 0)
        self.check_branches(text)

    def test_a_file_of_which_what_was_written_is_gone(self):
        work, launch = self.begun(0, self.BRANCHES, lambda: len(self.lines_of("ran.txt")) > 60)
        self.kill_all(launch)
        for name in os.listdir(self.folder):
            if "out.txt" in name:
                os.remove(self.path(name))
        text = self.penstock(0, "run", work, "-o", "out.h5", "--resume", expect=1)
        self.assertIn("remove X.h5.run/positions and go on with --resume --retry-failed", text)
        shutil.rmtree(self.path("out.h5.run/positions"))
        self.check_branches(self.penstock(0, "run", work, "-o", "out.h5", "--resume", "--retry-failed"))

    def test_what_was_not_kept_begins_again_when_it_is_to_be_kept(self):
        text = "penstock: 1\nname: way\nstages:\n  numbers: {worker: range, with: {stop: 400}}\n" \
               "  slow: {worker: command, from: numbers, save: none, with: {shell: 'echo {item} >> ran.txt; sleep 0.01; echo {item}'}}\n"
        work, launch = self.begun(0, text, lambda: len(self.lines_of("ran.txt")) > 60)
        self.kill_all(launch)
        self.write("way.yaml", text.replace("save: none, ", ""))
        said = self.penstock(0, "run", work, "-o", "out.h5", "--resume")
        with h5py.File(self.path("out.h5"), "r") as f:
            self.assertEqual([int(n) for n in f["streams/way/slow"][:]], list(range(400)), said)

    def test_files_that_came_meanwhile(self):
        for n in range(100):
            self.write(f"b{n:03}.in", "")
        text = "penstock: 1\nname: way\nstages:\n  names: {worker: files, with: {glob: '*.in'}}\n" \
               "  slow: {worker: command, from: names, with: {shell: 'echo x >> ran.txt; sleep 0.01; basename {item}'}}\n"
        work, launch = self.begun(0, text, lambda: len(self.lines_of("ran.txt")) > 60)
        self.kill_all(launch)
        self.write("a.in", "")
        said = self.penstock(0, "run", work, "-o", "out.h5", "--resume")
        with h5py.File(self.path("out.h5"), "r") as f:
            names = [name.decode().strip() for name in f["streams/way/slow"][:]]
        self.assertEqual(names, ["a.in"] + [f"b{n:03}.in" for n in range(100)], said)


if __name__ == "__main__":
    unittest.main()
