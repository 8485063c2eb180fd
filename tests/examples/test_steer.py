"""examples/steer: a Python program that decides what a run does next, over its standard input and its events."""

import re
import unittest

import h5py

import support


class SteerTest(support.ExampleTest):
    def check_minimum(self, ranks):
        printed = self.run_program(
            support.PYTHON, support.EXAMPLES / "steer/steer.py", support.PENSTOCK, self.work / "steer.h5", ranks
        )
        x = float(re.search(r"minimum at x = ([0-9.]+)", printed).group(1))
        # (x - 2.5)^2 + 0.1 x^4 is least where 2 (x - 2.5) + 0.4 x^3 = 0.
        low, high = 0.0, 5.0
        while high - low > 1e-9:
            middle = (low + high) / 2
            low, high = (middle, high) if 2 * (middle - 2.5) + 0.4 * middle**3 < 0 else (low, middle)
        self.assertAlmostEqual(x, low, delta=2e-4)
        with h5py.File(self.work / "steer.h5") as file:
            status = list(file["jobs/status"].asstr()[:])
        self.assertEqual(set(status), {"succeeded"})
        self.assertEqual(len(status) % 6, 0, "six points a step")
        self.assertGreater(len(status), 30)

    def test_without_a_launcher(self):
        self.check_minimum(1)

    def test_under_mpirun(self):
        self.check_minimum(3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
