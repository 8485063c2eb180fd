"""Disks that are full, over quota, read-only, gone or damaged in the middle of a run: it is said which file and why, nothing
durable is lost, and --resume gives the whole.
"""
import glob
import os
import shutil
import subprocess
import unittest

import h5py

from launching import PENSTOCK, LaunchTest

LIBRARY = os.environ.get("DISK_FAULTS_LIBRARY", "")

WORK = """
penstock: 1
name: steps
jobs:
  first: {worker: constant, for-each: {n: {range: [0, 200]}}, with: {values: {v: "{n}"}}}
  pause: {worker: sleep, after: first, with: {seconds: 0.5}}
  %s
  second: {worker: constant, after: between, for-each: {n: {range: [0, 200]}}, with: {values: {v: "{n}"}}}
"""
SLEEPS = "penstock: 1\nname: sleeps\njobs: {nap: {worker: sleep, for-each: {n: {range: [0, 80]}}, with: {seconds: 0.05}}}"
STREAM = """
penstock: 1
name: doubles
stages:
  numbers: {worker: range, with: {stop: 300}}
  twice:
    worker: command
    from: numbers
    ordered: true
    with: {frames: lines, argv: [sh, -c, 'while read x; do sleep 0.004; echo $((x * 2)); done']}
"""
BETWEEN = "between: {worker: noop, after: pause}"


class Disks(LaunchTest):
    def launch(self, ranks, *options, between=BETWEEN, **faults):
        definition = self.write("work.yaml", WORK % between)
        environment = dict(os.environ, LD_PRELOAD=LIBRARY, **faults) if faults else None
        command = self.command(ranks, "run", definition, "-o", "work.h5", *options)
        done = subprocess.run(command, cwd=self.folder, stdin=subprocess.DEVNULL, timeout=120, env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout

    def check_whole(self):
        """Every job once, with the value that is its own."""
        with h5py.File(self.path("work.h5"), "r") as f:
            rows = self.jobs(f)
            self.assertEqual(len(rows), 402)
            self.assertEqual(set(rows.values()), {"succeeded"})
            for job in ("first", "second"):
                self.assertEqual(f[f"results/steps/{job}/v"][:].tolist(), list(range(200)))

    def resume_to_the_end(self, ranks=2):
        for _ in range(5):
            code, text = self.launch(ranks, "--resume")
            if code == 0:
                break
            self.assertEqual(code, 75, text)
        self.assertEqual(code, 0, text)
        self.check_whole()

    def test_a_disk_that_takes_no_more(self):
        cases = [("ENOSPC", "write", "the disk is full"), ("EDQUOT", "write", "the disk quota is used up"),
                 ("EIO", "sync", "Input/output error"), ("EROFS", "open", "its file system is read-only")]
        for error, call, words in cases:
            for ranks in (0, 3):
                with self.subTest(error=error, ranks=ranks):
                    code, text = self.launch(ranks, "--force", DISK_FAULT=error, DISK_FAULT_CALL=call,
                                             DISK_FAULT_IN="/segments", DISK_FAULT_AFTER="20000" if call == "write" else "1")
                    self.assertEqual(code, 75, text)
                    self.assertIn("work.h5.run/segments", text)
                    self.assertIn(words.lower(), text.lower())
                    self.resume_to_the_end()

    def test_a_limit_of_the_size_of_files(self):
        definition = self.write("large.yaml", "penstock: 1\nname: large\njobs:\n  a: {worker: command, for-each: "
                                "{i: {range: [0, 40]}}, with: {shell: head -c 400000 /dev/urandom | base64, outputs: {v: "
                                "{text: stdout}}}}\n")
        limited = ["bash", "-c", 'ulimit -f 8192; exec "$@"', "limited"]  # KiB: those of MPI are no larger
        for ranks in (0, 3):
            with self.subTest(ranks=ranks):
                output = f"limit-{ranks}.h5"
                command = self.command(ranks, "run", definition, "-o", output)
                at = command.index(PENSTOCK)
                done = subprocess.run(command[:at] + limited + command[at:], cwd=self.folder, stdin=subprocess.DEVNULL,
                                      timeout=120, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                self.assertEqual(done.returncode, 75, done.stdout)
                self.assertIn("files of this size are not allowed. Raise the limit (ulimit -f).", done.stdout)
                self.penstock(ranks, "run", definition, "-o", output, "--resume")
                with h5py.File(self.path(output), "r") as f:
                    self.assertEqual(set(self.jobs(f).values()), {"succeeded"})
                    self.assertEqual(len(self.jobs(f)), 40)

    def test_a_disk_that_is_full_when_results_are_collected(self):
        code, text = self.launch(0, DISK_FAULT="ENOSPC", DISK_FAULT_CALL="write", DISK_FAULT_IN="work.h5.",
                                 DISK_FAULT_AFTER="150000")
        self.assertEqual(code, 75, text)
        self.resume_to_the_end()

    def test_a_last_sync_that_takes_longer_than_others_wait_for_a_sign_of_life(self):
        """Ranks that have nothing left to do neither leave before it is done, nor are they taken for lost."""
        definition = self.write("sleeps.yaml", SLEEPS)
        slow = dict(os.environ, LD_PRELOAD=LIBRARY, DISK_FAULT="SLOW", DISK_FAULT_CALL="sync",
                    DISK_FAULT_IN="-r00002-e00001-000000001-", DISK_FAULT_AFTER="1")  # the first eight, merged
        command = self.command(4, "run", definition, "-o", "work.h5", "--pipeliners=1", "--broker-timeout=1")
        done = subprocess.run(command, cwd=self.folder, stdin=subprocess.DEVNULL, timeout=120, env=slow,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotIn("lost", done.stdout)
        with h5py.File(self.path("work.h5"), "r") as f:
            self.assertEqual(list(self.jobs(f).values()), ["succeeded"] * 80)

    def test_a_run_directory_that_vanishes(self):
        for ranks in (0, 3):
            with self.subTest(ranks=ranks):
                gone = 'between: {worker: command, after: pause, with: {shell: "rm -rf work.h5.run"}}'
                code, text = self.launch(ranks, "--force", between=gone)
                self.assertEqual(code, 75, text)
                self.assertIn("work.h5.run", text)
                self.assertNotIn("this is a bug", text)
                self.assertRegex(text, "The run directory .*work.h5.run is gone, and what was durable in it")
                self.assertNotIn("Nothing that was durable is lost", text)
                self.resume_to_the_end()

    def test_segments_that_are_damaged_while_the_run_goes_on(self):
        damage = ("between: {worker: command, after: pause, with: {shell: \"for f in work.h5.run/segments/*.h5; do "
                  "printf XYZ | dd of=$f bs=1 seek=1500 conv=notrunc status=none; done\"}}")
        for ranks in (0, 3):
            with self.subTest(ranks=ranks):
                code, text = self.launch(ranks, "--force", between=damage)
                self.assertEqual(code, 75, text)
                self.assertRegex(text, r"work\.h5\.run/segments/i[-re0-9]+\.h5: bytes 0 to [0-9]+ do not match their "
                                       r"checksum, so the file is damaged")
                self.resume_to_the_end()

    def test_any_segment_of_a_stream_that_has_ended_may_be_damaged_or_gone(self):
        definition = self.write("stream.yaml", STREAM)
        self.penstock(2, "run", definition, "-o", "whole.h5", "--no-collect")
        segments = sorted(os.path.basename(p) for p in glob.glob(self.path("whole.h5.run/segments/*.h5")))
        self.assertGreater(len(segments), 1)
        for spoil in ("damage", "remove"):
            for segment in segments:
                with self.subTest(spoil=spoil, segment=segment):
                    shutil.rmtree(self.path("work.h5.run"), ignore_errors=True)
                    if os.path.exists(self.path("work.h5")):
                        os.remove(self.path("work.h5"))
                    shutil.copytree(self.path("whole.h5.run"), self.path("work.h5.run"))
                    path = self.path("work.h5.run/segments/" + segment)
                    if spoil == "remove":
                        os.remove(path)
                    else:
                        with open(path, "r+b") as f:
                            f.seek(os.path.getsize(path) // 2)
                            f.write(b"not what was written")
                    for launch in ("the first that goes on", "the next"):
                        said = self.penstock(0, "run", definition, "-o", "work.h5", "--resume")
                        with h5py.File(self.path("work.h5"), "r") as f:
                            self.assertEqual(f["streams/doubles/twice"].asstr()[:].tolist(),
                                             [str(2 * n) for n in range(300)], launch + ":\n" + said)
                    self.assertIn("; 0 items", said, "the second has nothing to do")

    def test_every_dataset_has_checksums(self):
        """HDF5's own, but for cells of variable length, for which it has none; and all bytes those of blocks."""
        self.assertEqual(self.launch(2, "--no-collect")[0], 0)
        self.penstock(0, "collect", "work.h5", "-o", "collected.h5")
        files = [self.path("collected.h5"), *glob.glob(self.path("work.h5.run/segments/*.h5"))]
        self.assertGreater(len(files), 1)
        for name in files:
            def look(path, item):
                if isinstance(item, h5py.Dataset) and item.size and h5py.check_dtype(vlen=item.dtype) is None:
                    self.assertTrue(item.fletcher32, f"{name}: {path}")
            with h5py.File(name, "r") as f:
                f.visititems(look)
            with open(name, "rb") as f:
                f.seek(-16, os.SEEK_END)
                self.assertEqual(f.read(), b"penstock-blocks1")

    def test_segments_that_are_gone_or_cut_short(self):
        self.assertEqual(self.launch(3, "--no-collect")[0], 0)
        segments = sorted(glob.glob(self.path("work.h5.run/segments/*.h5")), key=os.path.getsize)
        self.assertGreater(len(segments), 1)
        os.truncate(segments[-1], os.path.getsize(segments[-1]) // 2)
        os.remove(segments[-2])
        with open(segments[-1] + ".77-0.part", "wb") as f:  # what a crash leaves
            f.write(b"half a segment")
        code, text = self.launch(2, "--resume")
        self.assertIn("checksums", text)
        if code != 0:
            self.assertEqual(code, 75, text)
            self.resume_to_the_end()
        self.check_whole()


if __name__ == "__main__":
    unittest.main()
