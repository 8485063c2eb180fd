"""Values travel between jobs and into the results unchanged, large ones too."""
import numpy

from launching import LaunchTest


class Values(LaunchTest):
    def test_a_large_array_passes_between_brokers(self):
        self.write("make.py", "import numpy; numpy.save('big.npy', numpy.arange(8_000_000, dtype='f8'))")
        definition = """
penstock: 1
name: big
jobs:
  make: {worker: command, with: {cwd: scratch, argv: [/usr/bin/python3, "{definition-dir}/make.py"],
         outputs: {array: {file: big.npy, as: npy}}}, save: none}
  fold: {worker: Sum, for-each: {i: {range: [0, 3]}}, inputs: {values: make.array}}
"""
        with self.run_definition(definition, 5) as f:
            self.assertEqual(list(f["results/big/fold/sum"][:]), [8_000_000 * 7_999_999 / 2] * 3)
            self.assertNotIn("array", f["results/big"].get("make", {}))

    def test_failed_producers_are_dropped_or_null_or_skip(self):
        definition = """
penstock: 1
name: holes
jobs:
  half: {worker: command, for-each: {i: {range: [0, 6]}},
         with: {shell: "if [ {i} -eq 2 ]; then exit 3; fi; echo {i}", outputs: {n: {json: ""}}}}
  dropped: {worker: Sum, inputs: {values: {from: half.n, missing: drop}}}
  counted: {worker: Count, inputs: {values: {from: half.n, missing: "null"}}}
  needs-all: {worker: Sum, inputs: {values: half.n}}
  after-it: {worker: noop, after: needs-all}
  anyway: {worker: noop, after: {job: needs-all, when: ended}}
"""
        with self.run_definition(definition, 4, expect=1) as f:
            rows = self.jobs(f)
            self.assertEqual(rows.pop("half[i=2]"), "failed")
            self.assertEqual(rows.pop("needs-all"), "skipped")
            self.assertEqual(rows.pop("after-it"), "skipped")
            self.assertEqual(set(rows.values()), {"succeeded"})
            self.assertEqual(list(f["results/holes/dropped/sum"][:]), [0 + 1 + 3 + 4 + 5])
            self.assertEqual(list(f["results/holes/half/n"][:]), [0, 1, 3, 4, 5])
            self.assertEqual(list(f["results/holes/half/@for-each/i"][:]), [0, 1, 3, 4, 5])
            errors = dict(zip(f["jobs/name"].asstr()[:], f["jobs/error"].asstr()[:]))
            self.assertIn("half[i=2]", errors["needs-all"])
            self.assertIn("half[i=2]", errors["after-it"])

    def test_for_each_values_are_read_like_outputs_and_stay_aligned(self):
        definition = """
penstock: 1
name: aligned
jobs:
  half: {worker: command, for-each: {i: {range: [10, 16]}},
         with: {shell: "if [ {i} -eq 12 ]; then exit 3; fi; echo $(( {i} * {i} ))", outputs: {n: {json: ""}}}}
  lists: {worker: command, inputs: {x: {from: half.i, missing: drop}, y: {from: half.n, missing: drop}},
          with: {argv: [/bin/echo, "{x}", "{y}"], outputs: {text: {text: stdout}}}}
  both: {worker: Sum, inputs: {values: {from: [half.i, half.n], missing: drop}}}
  whole: {worker: Sum, inputs: {values: {from: half.i, missing: "null"}}}
"""
        with self.run_definition(definition, 4, expect=1) as f:
            there = [10, 11, 13, 14, 15]
            text = f["results/aligned/lists/text"].asstr()[0]
            self.assertEqual(text.split(), [str(i) for i in there] + [str(i * i) for i in there])
            self.assertEqual(f["results/aligned/both/sum"][0], sum(there) + sum(i * i for i in there))
            self.assertNotIn("i", f["results/aligned/half"])  # it is a parameter there, once

    def test_every_row_hash_is_stored_and_differs_by_instance(self):
        definition = "{penstock: 1, name: h, jobs: {a: {worker: noop, for-each: {i: {range: [0, 100]}}}}}"
        with self.run_definition(definition, 3) as f:
            self.assertEqual(len(numpy.unique(f["jobs/hash"][:])), 100)
