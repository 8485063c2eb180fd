"""examples/compress: what it packs is the same file for bunzip2, whatever dies on the way."""

import os
import pathlib
import random
import signal
import subprocess
import unittest

import h5py

import support

SIZE = 20_000_123
DEFINITION = support.EXAMPLES / "compress/compress.yaml"


def text_of(size):
    """Words in the same random order each time."""
    random_words = random.Random(20)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(random_words.choices(letters, k=random_words.randint(2, 9))) for _ in range(5000)]
    return " ".join(random_words.choices(words, k=size // 3)).encode()[:size]


def children_of(parents):
    found = set()
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        if int(after_name[1]) in parents:
            found.add(int(stat.parent.name))
    return found


def descendants_of(pid):
    found, latest = set(), {pid}
    while latest:
        latest = children_of(latest) - found
        found |= latest
    return found


def open_files_of(pid):
    files = set()
    for descriptor in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            files.add(os.readlink(descriptor))
        except OSError:
            pass  # closed meanwhile
    return files


class CompressTest(support.ExampleTest):
    @classmethod
    def setUpClass(cls):
        cls.text = text_of(SIZE)
        assert len(cls.text) == SIZE

    def setUp(self):
        super().setUp()
        self.input, self.output = self.work / "text", self.work / "text.bz2"
        self.input.write_bytes(self.text)

    def options(self, results):
        files = ["--set", f"input={self.input}", "--set", f"output={self.output}"]
        return ["run", DEFINITION, *files, "-o", results, "--force"]

    def unpacked(self):
        return subprocess.run(["bunzip2", "-c", self.output], stdout=subprocess.PIPE, check=True).stdout

    def check_results(self, results, expected):
        self.assertTrue(self.unpacked() == expected, "bunzip2 gives back every byte")
        self.assertFalse(pathlib.Path(f"{self.output}.part").exists())
        self.run_program(support.COMPRESS, "table", results, "compress/written")
        with h5py.File(self.work / results) as file:
            written = file["streams/compress/written"].asstr()[:].tolist()
        self.assertEqual(written, [f'{{"bytes-in":{len(expected)},"bytes-out":{self.output.stat().st_size}}}'])

    def test_alone_and_on_four_ranks(self):
        packed = []
        for ranks in (0, 4):
            with self.subTest(ranks=ranks):
                self.run_program(support.COMPRESS, *self.options(f"{ranks}.h5"), ranks=ranks)
                self.check_results(f"{ranks}.h5", self.text)
                packed.append(self.output.read_bytes())
                self.output.unlink()
        self.assertLess(len(packed[0]), SIZE / 2)
        self.assertTrue(packed[0] == packed[1], "the same file on any number of ranks")

    def test_sizes_around_a_block(self):
        for size in (0, 1, 899_999, 900_000, 900_001):
            with self.subTest(size=size):
                self.input.write_bytes(self.text[:size])
                self.run_program(support.COMPRESS, *self.options("size.h5"))
                self.check_results("size.h5", self.text[:size])

    def test_several_processes_read_a_part_each(self):
        definition = DEFINITION.read_text()
        self.assertIn("    worker: ReadBlocks\n", definition)
        several = self.work / "several.yaml"
        several.write_text(definition.replace("    worker: ReadBlocks\n", "    worker: ReadBlocks\n    workers: 3\n    ordered: true\n"))
        options = self.options("several.h5")
        options[1] = several
        self.run_program(support.COMPRESS, *options, ranks=3)
        self.check_results("several.h5", self.text)

    def test_a_killed_process_costs_nothing(self):
        for ranks in (0, 4):
            with self.subTest(ranks=ranks):
                launcher = ["mpirun", "--oversubscribe", "-n", str(ranks)] if ranks else []
                run = subprocess.Popen(
                    [*launcher, support.COMPRESS, *map(str, self.options(f"killed{ranks}.h5"))],
                    cwd=self.work, env=support.ENVIRONMENT, stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                )
                try:
                    self.kill_one_that_packs(run)
                    said, _ = run.communicate(timeout=support.TIMEOUT_S)
                finally:
                    run.kill()
                    run.wait()
                    run.stdout.close()
                self.assertEqual(run.returncode, 0, said)
                self.check_results(f"killed{ranks}.h5", self.text)
                self.output.unlink()

    def kill_one_that_packs(self, run):
        """Once the first blocks are written: the process that has worked longest and has neither of the files open."""
        part = pathlib.Path(f"{self.output}.part")
        while not (part.exists() and part.stat().st_size > 0):
            self.assertIsNone(run.poll(), "it has ended before anything was written")
            os.sched_yield()
        worked = {}
        for pid in descendants_of(run.pid):
            try:
                name, _, after_name = pathlib.Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
                if name.startswith("penstock-zyg") and not open_files_of(pid) & {str(self.input), str(part)}:
                    worked[pid] = int(after_name.split()[11])  # user time
            except OSError:
                pass  # it has ended meanwhile
        busiest = max(worked, key=worked.get)
        self.assertGreater(worked[busiest], 0, "none has packed anything")
        os.kill(busiest, signal.SIGKILL)
        self.assertLess(part.stat().st_size, SIZE / 5, "blocks were still to come")


if __name__ == "__main__":
    unittest.main(verbosity=2)
