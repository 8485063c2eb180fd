"""Interrupting a stream leaves no process behind, whatever its workers are doing, and says with exit code 75 that it is not
complete."""
import os
import signal
import subprocess
import time
import unittest
import uuid

from launching import LaunchTest

ENDLESS = "numbers: {worker: range, with: {stop: 1000000000000000}}\n"
MARK = "mark: {worker: command, from: numbers, with: {argv: [touch, seen]}}\n"  # each item of it is a process: slow
STREAMS = {
    "a source that never ends": ENDLESS + "  pass: {worker: filter, from: numbers, with: {not: -1}, workers: 2}\n",
    "a fold that is never done": ENDLESS + "  how-many: {worker: Count, from: numbers}\n",
    "a long item": ENDLESS + "  nap: {worker: sleep, from: numbers, with: {seconds: 3600}, workers: 2, ordered: true}\n",
    "a long item, inline": ENDLESS + "  nap: {worker: sleep, from: numbers, with: {seconds: 3600}, isolation: inline}\n",
    "a program an item, that will not go": ENDLESS + "  nap: {worker: command, from: numbers, with: {argv: "
                                           "[bash, -c, 'trap \"\" TERM INT; sleep 3600 & sleep 3600; wait']}}\n",
    "a program for the stream": ENDLESS + "  sum: {worker: command, from: numbers, with: {argv: "
                                "[bash, -c, 'sleep 3600 & cat > /dev/null'], frames: lines, form: fold}}\n",
    "branches that are merged": ENDLESS + "  how-many: {worker: Count, from: numbers}\n"
                                "  both: {worker: filter, from: [how-many, numbers], merge: concat, with: {not: -1}}\n",
}


class StreamInterrupts(LaunchTest):
    def marked(self, mark):
        """Processes that have the mark in their environment."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as f:
                    if mark in f.read():
                        with open(f"/proc/{pid}/cmdline", "rb") as line:
                            found.append((pid, line.read().replace(b"\0", b" ").decode()[:80]))
            except OSError:
                pass
        return found

    def interrupt(self, stages, ranks):
        self.write("definition.yaml", f"penstock: 1\nname: s\nstages:\n  {stages}  {MARK}")
        if os.path.exists(self.path("seen")):
            os.remove(self.path("seen"))
        mark = f"PENSTOCK_TEST_MARK={uuid.uuid4()}"
        name, _, value = mark.partition("=")
        run = subprocess.Popen(self.command(ranks, "run", "definition.yaml", "-o", "out.h5", "--force", "-q"), cwd=self.folder,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               env={**os.environ, name: value})
        try:
            while run.poll() is None and not os.path.exists(self.path("seen")):
                time.sleep(0.01)
            began = time.monotonic()
            for child in self.routers(run.pid, ranks):
                os.kill(child, signal.SIGINT)
            said, _ = run.communicate(timeout=120)
        finally:
            run.kill()
            run.wait()
            run.stdout.close()
        self.assertEqual(run.returncode, 75, said)
        while left := self.marked(mark.encode()):  # a test that hangs here is ended by ctest
            if time.monotonic() - began > 60:
                self.fail(f"still there: {left}")
            time.sleep(0.01)

    def routers(self, launcher, ranks):
        """Rank 0: the launcher forwards what it is sent, but then says so by an exit code of its own."""
        return self.children_of(launcher)[:1] if ranks else [launcher]

    def test_nothing_is_left(self):
        for ranks in (0, 4):
            for what, stages in STREAMS.items():
                with self.subTest(stream=what, ranks=ranks):
                    self.interrupt(stages, ranks)


if __name__ == "__main__":
    unittest.main()
