"""examples/latest: every frame is shown, none waits, and the findings are those of frames before it."""

import json
import shutil
import time
import unittest

import support


class LatestTest(support.ExampleTest):
    def test_every_frame_with_the_latest_finding(self):
        for name in ("latest.yaml", "camera.py", "detector.py"):
            shutil.copy(support.EXAMPLES / "latest" / name, self.work)
        for ranks in (0, 3):
            with self.subTest(ranks=ranks):
                began = time.monotonic()
                self.run_program(
                    support.PENSTOCK, "run", "latest.yaml", "-o", "latest.h5", "--force", "--set", "how-many=150",
                    "--set", "seconds-a-look=0.2", ranks=ranks,
                )
                self.assertLess(time.monotonic() - began, 14, "two detectors would need 15 s for all frames")
                shown = [json.loads(line) for line in (self.work / "shown.txt").read_text().splitlines()]
                self.assertEqual([frame["frame"] for frame, _ in shown], list(range(150)))
                self.assertIsNone(shown[0][1])
                findings = [finding for _, finding in shown if finding is not None]
                self.assertGreater(len(findings), 0)
                self.assertEqual(shown[-1][1], findings[-1], "once there is one, there is always one")
                for frame, finding in shown:
                    if finding is not None:
                        self.assertLess(finding["of"], frame["frame"])
                        self.assertEqual(finding["bright"], shown[finding["of"]][0]["brightness"] > 50)
                of = [finding["of"] for finding in findings]
                self.assertGreater(len(set(of)), 1)
                self.assertLess(len(set(of)), 75, "most frames pass the detectors by")


if __name__ == "__main__":
    unittest.main(verbosity=2)
