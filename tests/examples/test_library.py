"""examples/library: installs Penstock, and builds and runs a project outside its tree against the installation."""

import unittest

import h5py

import support


class LibraryTest(support.ExampleTest):
    def build(self):
        """The program of examples/library, and the folder Penstock was installed to."""
        prefix = self.work / "prefix"
        self.run_program("cmake", "--install", support.BUILD, "--prefix", prefix)
        source = self.work / "source"  # a copy: nothing of the tree around it may be needed
        source.mkdir()
        for file in (support.EXAMPLES / "library").iterdir():
            (source / file.name).write_bytes(file.read_bytes())
        self.run_program(
            "cmake", "-S", source, "-B", "cubes", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", f"-DCMAKE_PREFIX_PATH={prefix}",
            "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache",
        )
        self.run_program("cmake", "--build", "cubes")
        return self.work / "cubes/cubes", prefix, source

    def test_a_program_of_ones_own(self):
        cubes, prefix, source = self.build()
        self.assertIn("penstock", self.run_program(prefix / "bin/penstock", "--version"))

        with self.subTest("its driver function, alone and under mpirun"):
            for ranks in (0, 3):
                printed = self.run_program(cubes, "-o", f"cubes{ranks}.h5", "--", "1000", ranks=ranks)
                self.assertIn("10 numbers have a cube below 1000", printed)
                with h5py.File(self.work / f"cubes{ranks}.h5") as file:
                    # x = 1, 2, 4, 8, 16 one by one, then 0..16 at once; each a square and a cube.
                    self.assertEqual(len(file["jobs/status"]), 2 * 5 + 2 * 17)
                    self.assertEqual(list(file["results/all/cube/cube"][:]), [x**3 for x in range(17)])
                    self.assertEqual(sorted(file["results/probe/cube/cube"][:]), [1, 8, 64, 512, 4096])

        with self.subTest("a definition file beside it"):
            printed = self.run_program(cubes, "run", source / "cubes.yaml", "-o", "yaml.h5", ranks=2)
            self.assertIn("10 numbers have a cube below 1000", printed)
            with h5py.File(self.work / "yaml.h5") as file:
                self.assertEqual(file["results/cubes/sum/sum"][0], sum(x**3 for x in range(10)))
            self.assertIn("cube of 3", self.run_program(cubes, "log", "yaml.h5", "cubes/cube[x=3]"))

        with self.subTest("the stock program does not know its worker types"):
            self.run_program(prefix / "bin/penstock", "check", source / "cubes.yaml", expect=2)
            self.assertIn("Square", self.errors)

        with self.subTest("a store of its own keeps values, gives them back, and gives keys"):
            given = self.work / "given.yaml"
            given.write_text("{penstock: 1, name: given, jobs: {square: {worker: Square}, cube: {worker: Cube, after: square}}}")
            for ranks in (0, 3):
                folder = self.work / f"values{ranks}"
                folder.mkdir()
                (folder / "x").write_text("7\n")
                store = f"text:{folder}"
                printed = self.run_program(cubes, "run", given, "-o", f"given{ranks}.h5", "--store", store, ranks=ranks)
                self.assertIn("10 numbers have a cube below 1000", printed)
                self.assertEqual((folder / "given[].cube[].cube").read_text(), "343\n")
                self.assertEqual((folder / "all[].cube[x=3].cube").read_text(), "27\n")

        with self.subTest("a failing job"):
            (self.work / "bad.yaml").write_text(
                "{penstock: 1, name: bad, data: {x: -1}, jobs: {square: {worker: Square}, cube: {worker: Cube, after: square}}}"
            )
            self.run_program(cubes, "run", "bad.yaml", "-o", "bad.h5", expect=1)
            self.assertIn("this Cube takes no negative numbers", self.run_program(cubes, "jobs", "bad.h5"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
