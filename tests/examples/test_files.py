"""examples/files: programs that are there anyway, over every file of the manual and a copy of one."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import unittest

import h5py

import support


class FilesTest(support.ExampleTest):
    def test_every_file_of_a_folder(self):
        folder = self.work / "folder with 'quotes' and $signs"
        shutil.copytree(support.manual_folder(), folder)
        shutil.copy(folder / "index.html", folder / "the same; again\".html")
        files = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: os.fsencode(path))
        path = f"{pathlib.Path(support.PENSTOCK).parent}:{os.environ['PATH']}"
        printed = self.run_program(
            support.EXAMPLES / "files/run", folder, "out", env={**support.ENVIRONMENT, "PATH": path}
        )
        self.assertRegex(printed, rf"\b{len(files)}\b")

        contents = [path.read_bytes() for path in files]
        with h5py.File(self.work / "out/files.h5") as file:
            results = file["results/files"]
            self.assertEqual(list(results["checksum/@for-each/file"].asstr()[:]), [str(path) for path in files])
            self.assertEqual(
                [line.split()[0] for line in results["checksum/checksum"].asstr()[:]],
                [hashlib.sha256(content).hexdigest() for content in contents],
            )
            lines = [content.count(b"\n") for content in contents]
            self.assertEqual(list(results["lines/lines"][:]), lines)
            self.assertEqual(results["all-lines/sum"][0], sum(lines))
            packed = [
                len(subprocess.run(["gzip", "-9", "-n"], input=content, capture_output=True, check=True).stdout)
                for content in contents
            ]
            self.assertEqual(list(results["compress/bytes"][:]), packed)
            self.assertEqual(results["compressed/sum"][0], sum(packed))
            self.assertEqual(results["duplicates/files"][0], len(files))
            self.assertEqual(results["duplicates/distinct"][0], len(set(contents)))
            duplicates = json.loads(results["duplicates/duplicates"].asstr()[0])
        self.assertIn(sorted([str(folder / "index.html"), str(folder / "the same; again\".html")]), duplicates)
        self.assertEqual(list((self.work / "out/files.h5.run").glob("scratch/*")), [], "scratch folders are gone")


if __name__ == "__main__":
    unittest.main(verbosity=2)
