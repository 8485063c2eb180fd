"""What the tests of the examples share: programs, launches, and folders of their own.

The programs come from the environment, as CMakeLists.txt beside sets it.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = TOP / "examples"
PENSTOCK = os.environ.get("PENSTOCK", str(TOP / "build/src/cli/penstock"))
WEB = os.environ.get("PENSTOCK_WEB", str(TOP / "build/examples/web/penstock-web"))
COMPRESS = os.environ.get("PENSTOCK_COMPRESS", str(TOP / "build/examples/compress/penstock-compress"))
TITLES = os.environ.get("PENSTOCK_TITLES", str(TOP / "build/examples/titles/penstock-titles"))
BUILD = os.environ.get("PENSTOCK_BUILD", str(TOP / "build"))
PYTHON = "/usr/bin/python3"
TIMEOUT_S = 240  # for what hangs; nothing comes near it

ENVIRONMENT = {
    **os.environ,
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "LC_ALL": "C.UTF-8",
    "PATH": "/usr/bin:" + os.environ["PATH"],  # the python3 of commands is the system's
}


class ExampleTest(unittest.TestCase):
    """A test with a folder of its own, self.work."""

    maxDiff = 2000

    def setUp(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="penstock-example-"))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)

    def run_program(self, *command, expect=0, ranks=0, **options):
        """Runs it (under mpirun with so many ranks) and returns what it printed on standard output."""
        command = [str(word) for word in command]
        if ranks:
            command = ["mpirun", "--oversubscribe", "-n", str(ranks)] + command
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=options.pop("env", ENVIRONMENT),
            cwd=options.pop("cwd", self.work),
            timeout=TIMEOUT_S,
            **options,
        )
        self.assertEqual(done.returncode, expect, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
        self.errors = done.stderr
        return done.stdout


def manual_folder():
    """The HTML manual that scripts/setup installs, or unpacks where documentation is not installed."""
    installed = pathlib.Path("/usr/share/doc/libfftw3-dev/html")
    for folder in (installed, TOP / "build/manual" / installed.relative_to("/")):
        if (folder / "index.html").exists():
            return folder
    raise FileNotFoundError("the manual of libfftw3-doc is not there: run scripts/setup")


@contextlib.contextmanager
def served(script, *arguments):
    """The URL of a server that prints it when it is ready and ends with its standard input."""
    server = subprocess.Popen(
        [PYTHON, str(script), *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield server.stdout.readline().strip()
    finally:
        server.stdin.close()
        server.wait(timeout=TIMEOUT_S)
        server.stdout.close()
