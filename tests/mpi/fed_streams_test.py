"""Streams that the driver function feeds or reads, when a rank of theirs is lost: a StreamError, and nobody hangs."""
import os
import time

from killing import PATIENCE_S, Launch, kill_now
from launching import LaunchTest

FED_STREAMS = os.environ.get("FED_STREAMS", "fed_streams")
WAYS = ["put", "get", "execute", "read", "wait"]


class FedStreams(LaunchTest):
    def begin(self, way, recovers=True):
        self.folder_of_way = os.path.join(self.folder, way)
        os.mkdir(self.folder_of_way)
        self.launches = getattr(self, "launches", 0) + 1
        command = ["mpirun", *(["--enable-recovery"] if recovers else []), "--oversubscribe", "-n", "4", FED_STREAMS, "run",
                   "-o", "s.h5", "--", way]
        launch = Launch(self.folder_of_way, command, self.launches)
        self.addCleanup(launch.end)
        return launch

    def places(self, launch):
        """{stage: process of its rank}, once both stages are somewhere."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                with open(os.path.join(self.folder_of_way, "places"), encoding="utf-8") as f:
                    places = {stage: int(rank) for stage, rank in (line.split() for line in f)}
            except FileNotFoundError:
                places = {}
            goes = os.path.basename(self.folder_of_way) != "put" or os.path.exists(os.path.join(self.folder_of_way, "got"))
            if goes and len(places) == 2:
                return places
            self.assertTrue(launch.process.poll() is None and time.monotonic() < end, launch.printed())
            time.sleep(0.005)

    def go(self):
        with open(os.path.join(self.folder_of_way, "go"), "w", encoding="utf-8"):
            pass

    def test_undisturbed_it_ends_well(self):
        for way in WAYS:
            with self.subTest(way=way):
                launch = self.begin(way, recovers=False)
                self.places(launch)
                self.go()
                self.assertTrue(launch.wait(self))
                said = launch.printed()
                self.assertEqual(launch.process.returncode, 0, said)
                many = {"put": 100_000}.get(way, 200)
                self.assertIn({"execute": f"driver: last {many + 1}", "wait": "driver: it succeeded"}.get(way, f"driver: read {many}\n"),
                              said)
                self.assertNotIn("driver: result", said)

    def lose(self, victim, name):
        for way in WAYS:
            with self.subTest(way=way):
                launch = self.begin(way)
                places = self.places(launch)
                rank = victim(launch, places)
                kill_now(rank)
                self.assertTrue(launch.wait(self))  # nobody writes `go`: no item needs to come through
                said = launch.printed()
                if way == "wait":
                    self.assertIn("driver: it failed", said)
                else:
                    self.assertRegex(said, "driver: StreamError at `(first|second|range|input)`: .*rank . on .* was lost with this job; a "
                                     "stream that the driver function feeds or reads cannot start again")
                if way == "put":  # an input that has stopped takes what comes until the stream is known to have failed
                    self.assertRegex(said, "driver: put (some|all)")
                self.assertRegex(said, f"warning: rank {name} on .* is lost: its process has ended")
        return said

    def test_the_rank_of_a_stage_is_lost(self):
        self.lose(lambda launch, places: places["second"], "[23]")

    def test_the_pipeliner_is_lost(self):
        self.lose(lambda launch, places: next(pid for pid, (parent, _, rank) in launch.processes().items()
                                              if parent == launch.process.pid and rank == 1), "1")


if __name__ == "__main__":
    import unittest
    unittest.main()
