"""The same definition gives the same results whatever the number of ranks."""
import subprocess

from launching import LaunchTest

EVERYTHING = """
penstock: 1
name: everything
data: {base: 100}
jobs:
  start: {worker: constant, with: {values: {offset: 5, words: [a, b]}}}
  square:
    worker: command
    after: start
    for-each: {x: {range: [0, 6]}, y: [1, 2]}
    with:
      argv: [/bin/sh, -c, "echo $(( $1 * $1 + $2 ))", sh, "{x}", "{y}"]
      outputs: {z: {json: ""}}
  double:
    worker: command
    for-each: {like: square}
    inputs: {z: square.z}
    with: {argv: [/bin/sh, -c, "echo $(( $1 * 2 ))", sh, "{z}"], outputs: {value: {json: ""}}}
  by-y:   {worker: Sum, for-each: {like: double, by: [y]}, inputs: {values: double.value}, isolation: inline}
  total:  {worker: Sum, inputs: {values: by-y.sum}}
  wide:   {worker: noop, cpus: 1, memory: 1 MiB, for-each: {i: {range: [0, 10]}}}
"""


class Launch(LaunchTest):
    def check(self, ranks, *options):
        with self.run_definition(EVERYTHING, ranks, *options) as f:
            rows = self.jobs(f)
            self.assertEqual(len(rows), 1 + 12 + 12 + 2 + 1 + 10)
            self.assertEqual(set(rows.values()), {"succeeded"})
            group = f["results/everything/square"]
            self.assertEqual(list(group["@for-each/x"][:]), [x for x in range(6) for _ in (1, 2)])
            self.assertEqual(list(group["z"][:]), [x * x + y for x in range(6) for y in (1, 2)])
            self.assertEqual(list(f["results/everything/double/value"][:]),
                             [2 * (x * x + y) for x in range(6) for y in (1, 2)])
            self.assertEqual(list(f["results/everything/by-y/sum"][:]), [2 * (55 + 6), 2 * (55 + 12)])
            self.assertEqual(list(f["results/everything/total/sum"][:]), [256])

    def test_without_a_launcher(self):
        self.check(0)

    def test_from_one_to_eight_ranks(self):
        for ranks in (1, 2, 3, 4, 8):
            with self.subTest(ranks=ranks):
                self.check(ranks)

    def test_thirty_two_ranks_and_three_pipeliners(self):
        self.check(32, "--pipeliners", 3)

    def test_many_jobs_in_blocks_of_templates(self):
        """More templates than travel in one message, chained in tens, on several brokers."""
        jobs = {}
        for i in range(2000):
            jobs[f"j{i}"] = {"worker": "noop", "isolation": "inline"}
            if i % 10:
                jobs[f"j{i}"]["after"] = f"j{i - 1}"
        with self.run_definition(self.write("many.json", {"penstock": 1, "name": "many", "jobs": jobs}), 5) as f:
            rows = self.jobs(f)
            self.assertEqual(len(rows), 2000)
            self.assertEqual(set(rows.values()), {"succeeded"})
            self.assertEqual(list(f["jobs/name"].asstr()[:5]), [f"j{i}" for i in range(5)])  # definition order

    def test_pipelines_from_standard_input(self):
        self.write("one.yaml", "{penstock: 1, name: one, jobs: {j: {worker: command, with: {argv: [/bin/echo, '{item}'],"
                               " outputs: {said: {text: stdout}}}}}}")
        lines = self.write("lines", "".join(f"line {i}\n" for i in range(50)))
        with open(lines) as stdin:
            self.penstock(4, "run", "one.yaml", "--for-each", "-", "-o", "out.h5", stdin=stdin)
        import h5py
        with h5py.File(self.path("out.h5")) as f:
            self.assertEqual(list(f["pipelines/status"].asstr()[:]), ["succeeded"] * 50)
            said = sorted(f["results/one/j/said"].asstr()[:])
            self.assertEqual(said, sorted(f"line {i}\n" for i in range(50)))

    def test_dry_run_says_who_is_where_and_runs_nothing(self):
        self.write("definition.yaml", EVERYTHING)
        said = self.penstock(4, "run", "definition.yaml", "-o", "out.h5", "--dry-run")
        for role in ("router", "pipeliner", "broker"):
            self.assertIn(role, said)
        self.assertEqual(subprocess.run(["ls"], cwd=self.folder, stdout=subprocess.PIPE, text=True).stdout,
                         "definition.yaml\n")

    def test_a_bad_definition_is_told_once_and_exits_with_2(self):
        self.write("bad.yaml", "{penstock: 1, name: bad, jobs: {a: {worker: nop}}}")
        said = self.penstock(4, "run", "bad.yaml", expect=2)
        self.assertEqual(said.count("did you mean"), 1, said)
        self.assertIn("bad.yaml:1:", said)

    def test_an_existing_results_file_is_not_overwritten(self):
        self.write("n.yaml", "{penstock: 1, name: n, jobs: {a: {worker: noop}}}")
        self.penstock(0, "run", "n.yaml", "-o", "out.h5")
        said = self.penstock(3, "run", "n.yaml", "-o", "out.h5", expect=2)
        self.assertIn("--force", said)
        self.penstock(3, "run", "n.yaml", "-o", "out.h5", "--force")
