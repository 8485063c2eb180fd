"""examples/sweep: a for-each of commands, a reduce by one of its parameters, and one over all."""

import importlib.util
import statistics
import unittest

import h5py

import support

SIZE, SWEEPS, SEEDS = 6, 20, 4


def load_ising():
    spec = importlib.util.spec_from_file_location("ising", support.EXAMPLES / "sweep/ising.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class SweepTest(support.ExampleTest):
    def test_means_are_those_of_the_simulations(self):
        self.run_program(
            support.PENSTOCK, "run", support.EXAMPLES / "sweep/sweep.yaml", "-o", "sweep.h5",
            "--set", f"size={SIZE}", "--set", f"sweeps={SWEEPS}", ranks=3,
        )
        ising = load_ising()
        with h5py.File(self.work / "sweep.h5") as file:
            sweep = file["results/sweep"]
            betas = list(sweep["simulate/@for-each/beta"][:])
            seeds = list(sweep["simulate/@for-each/seed"][:])
            self.assertEqual(len(betas), 6 * SEEDS)
            self.assertEqual(seeds, list(range(SEEDS)) * 6, "the last name varies fastest")
            runs = [ising.simulate(beta, int(seed), SIZE, SWEEPS) for beta, seed in zip(betas, seeds)]
            energies = [run["energy"] for run in runs]
            self.assertEqual(list(sweep["simulate/energy"][:]), energies)
            self.assertEqual(list(sweep["simulate/magnetization"][:]), [run["magnetization"] for run in runs])

            means = [statistics.fmean(energies[i : i + SEEDS]) for i in range(0, len(energies), SEEDS)]
            self.assertEqual(list(sweep["mean/@for-each/beta"][:]), betas[::SEEDS])
            for mean, expected in zip(sweep["mean/mean"][:], means, strict=True):
                self.assertAlmostEqual(mean, expected, places=14)
            self.assertAlmostEqual(sweep["overall/mean"][0], statistics.fmean(energies), places=14)
            self.assertAlmostEqual(sweep["coldest/minimum"][0], min(means), places=14)
        self.assertLess(means[-1], means[0], "colder spins agree more")


if __name__ == "__main__":
    unittest.main(verbosity=2)
