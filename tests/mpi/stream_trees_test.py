"""Random trees of stages on real ranks, beside a model in a few lines: the same items come out, in the same order where
order is promised, whatever is dropped, doubled, large or killed on the way.

PENSTOCK_TREE_SEEDS=N tries seeds 0 to N - 1 (default 20); PENSTOCK_TREE_SEED=S,T,... only those.
"""
import functools
import itertools
import os
import random
import subprocess
import tempfile
import unittest

import h5py

from launching import PENSTOCK, LaunchTest

PROGRAM = os.environ.get("TREE_WORKERS", "tree_workers")
MASK = 2 ** 64 - 1
FAILED_ONCE = [65]  # beyond the first ones


def mixed(a, b):
    x = (a ^ (b * 0x9e3779b97f4a7c15)) & MASK
    x = ((x ^ (x >> 30)) * 0xbf58476d1ce4e5b9) & MASK
    x = ((x ^ (x >> 27)) * 0x94d049bb133111eb) & MASK
    return (x ^ (x >> 31)) >> 1


class Node:
    """A stage: how it is written, what comes out of it by the model, and whether in that order."""

    def __init__(self, name, text, items, in_order):
        self.name, self.text, self.items, self.in_order = name, text, items, in_order
        self.read = False


class Tree:
    def __init__(self, seed, marks):
        self.lot = random.Random(seed)
        self.marks = marks
        self.pad = self.lot.choice([0, 100, 5_000, 100_000, 1_048_576])
        self.count = {1_048_576: 40, 100_000: 200}.get(self.pad, 1_500)
        self.crash = self.lot.choice([0, 0, 5, 30])
        self.nodes = [self.source(i) for i in range(self.lot.randint(1, 2))]
        for i in range(self.lot.randint(1, 5)):
            self.nodes.append(self.stage(f"s{i}"))
        self.ends = [self.end(node) for node in self.nodes if not node.read]

    def common(self, workers, ordered, **parameters):
        text = ", ".join(f"{key}: {value}" for key, value in {"pad": self.pad, **parameters}.items())
        return (f"with: {{{text}}}, workers: {workers}, ordered: {str(ordered).lower()}, "
                f"queue: {self.lot.choice([0, 1 if self.count < 500 else 20, 300])}")

    def source(self, i):
        workers, ordered = self.lot.randint(1, 3), self.lot.random() < 0.5
        count = self.lot.randint(0, self.count)
        text = f"worker: tree-source, {self.common(workers, ordered, salt=1000 + i, count=count)}"
        return Node(f"source{i}", text, [mixed(n, 1000 + i) for n in range(count)], ordered or workers == 1)

    def before(self):
        """What a stage reads: one stage, or some that are merged, however these hang together."""
        if len(self.nodes) < 2 or self.lot.random() < 0.6:
            node = self.lot.choice(self.nodes)
            node.read = True
            return f"from: {node.name}", node.items, node.in_order
        some = self.lot.sample(self.nodes, min(len(self.nodes), self.lot.choice([2, 2, 3])))
        all_in_order = all(node.in_order for node in some)
        # Which items a zip puts together is anybody's guess when they come in any order.
        merge = self.lot.choice(["any", "concat", "interleave"] + ["zip"] * 2 * all_in_order)
        if sum(len(node.items) for node in some) > 4 * self.count and merge != "zip":
            some = some[:1]  # not ever more of them
        for node in some:
            node.read = True
        if len(some) == 1:
            return f"from: {some[0].name}", some[0].items, some[0].in_order
        text = f"from: [{', '.join(node.name for node in some)}], merge: {merge}"
        items = [x for node in some for x in node.items]
        if merge == "interleave":
            missing = object()
            items = [x for row in itertools.zip_longest(*(node.items for node in some), fillvalue=missing)
                     for x in row if x is not missing]
        if merge == "zip":
            items = [functools.reduce(mixed, row) for row in zip(*(node.items for node in some))]
        return text, items, merge != "any" and all_in_order

    def stage(self, name):
        reads, items, in_order = self.before()
        workers, ordered, salt = self.lot.randint(1, 3), self.lot.random() < 0.6, self.lot.randint(2, 10 ** 6)
        more = {"salt": salt, "crash": self.crash, "marks": self.marks}
        if self.lot.random() < 0.6:
            drop = self.lot.choice([0, 10, 60, 100])
            out = [mixed(x, salt) for x in items if mixed(x, salt + 1) % 100 >= drop]
            worker, more = "tree-map", {**more, "drop": drop}
        else:
            most = self.lot.choice([1, 3]) if len(items) < 5_000 else 1
            out = [mixed(mixed(x, salt), i) for x in items for i in range(mixed(x, salt + 2) % (most + 1))]
            worker, more = "tree-generator", {**more, "most": most}
        on_error = "on-error: retry, " if self.crash else ""
        isolation = "process" if self.crash else self.lot.choice(["process", "inline"])
        text = f"worker: {worker}, {reads}, {self.common(workers, ordered, **more)}, {on_error}isolation: {isolation}"
        return Node(name, text, out, in_order and (ordered or workers == 1))

    def end(self, node):
        text = f"worker: tree-end, from: {node.name}, {self.common(1, True)}, isolation: inline"
        return Node(f"end-{node.name}", text, node.items, node.in_order)

    def definition(self):
        stages = "".join(f"  {n.name}: {{{n.text}}}\n" for n in self.nodes + self.ends)
        return f"penstock: 1\nname: tree\nstages:\n{stages}"


class StreamTrees(LaunchTest):
    def run_program(self, ranks, definition, out):
        """What it prints."""
        command = self.command(ranks, "run", definition, "-o", out, "--force", "-q")
        command[command.index(PENSTOCK)] = PROGRAM
        done = subprocess.run(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=300)
        with open(self.path(definition)) as f:
            self.assertEqual(done.returncode, 0, f"{f.read()}\n{done.stdout}")
        return done.stdout

    def check(self, seed):
        marks = tempfile.mkdtemp(prefix=f"marks-{seed}-", dir=self.folder)
        tree = Tree(seed, marks)
        ranks = tree.lot.choice([0, 2, 3, 4])
        self.write("tree.yaml", tree.definition())
        out = self.path(f"out-{seed}.h5")
        said = self.run_program(ranks, "tree.yaml", out)
        with h5py.File(out, "r") as f:
            for end in tree.ends:
                path = f"streams/tree/{end.name}"
                got = f[path][:].tolist() if path in f else []
                wanted = end.items
                if not end.in_order:
                    got, wanted = sorted(got), sorted(wanted)
                self.assertEqual(len(got), len(wanted), f"{end.name}: so many items\n{tree.definition()}\n{said}")
                self.assertTrue(got == wanted, f"{end.name}: other items, or another order\n{tree.definition()}\n{said}")
        return len(os.listdir(marks))

    def test_random_trees(self):
        only = os.environ.get("PENSTOCK_TREE_SEED")
        seeds = [int(s) for s in only.split(",")] if only else FAILED_ONCE + list(range(int(os.environ.get("PENSTOCK_TREE_SEEDS", "20"))))
        killed = 0
        for seed in seeds:
            with self.subTest(seed=seed, again=f"PENSTOCK_TREE_SEED={seed}"):
                killed += self.check(seed)
        if not only:
            self.assertGreater(killed, 0, "no worker process was killed: the trees are too tame")

    def test_items_of_which_some_results_have_left_are_tried_again(self):
        for workers in (1, 3):
            with self.subTest(workers=workers):
                marks = self.path(f"marks-{workers}")
                os.mkdir(marks)
                self.write("burst.yaml", f"""
penstock: 1
name: burst
stages:
  numbers: {{worker: range, with: {{stop: 6}}}}
  many:
    worker: tree-burst
    from: numbers
    workers: {workers}
    ordered: true
    on-error: retry
    with: {{crash: 1000, salt: 1, marks: {marks}}}
""")
                out = self.path("burst.h5")
                self.run_program(3, "burst.yaml", out)
                self.assertEqual(len(os.listdir(marks)), 12, "each of them killed two worker processes")
                with h5py.File(out, "r") as f:
                    self.assertEqual(f["streams/burst/many"][:].tolist(),
                                     [n * 10000 + i for n in range(6) for i in range(6000)])

    def test_items_larger_than_any_window(self):
        """Two ranks on, through worker processes, two ways, in order; and whole."""
        common = "pad: 209715200, crash: 0, drop: 0, marks: ."
        self.write("large.yaml", f"""
penstock: 1
name: large
stages:
  source: {{worker: tree-source, with: {{{common}, salt: 1, count: 4}}, queue: 1}}
  even: {{worker: tree-map, from: source, with: {{{common}, salt: 2}}, queue: 1, workers: 2, ordered: true}}
  last: {{worker: tree-end, from: even, with: {{{common}}}, queue: 1}}
  also: {{worker: tree-end, from: source, with: {{{common}}}, queue: 1}}
""")
        out = self.path("large.h5")
        self.run_program(4, "large.yaml", out)
        ids = [mixed(i, 1) for i in range(4)]
        self.assertGreater(max(mixed(one, 7) % 209715201 for one in ids), 128 << 20)
        with h5py.File(out, "r") as f:
            self.assertEqual(f["streams/large/also"][:].tolist(), ids)
            self.assertEqual(f["streams/large/last"][:].tolist(), [mixed(one, 2) for one in ids])


if __name__ == "__main__":
    unittest.main()
