#!/usr/bin/python3
"""Finds a minimum by asking a run that is going on: a program in another language steers Penstock.

Usage: steer.py PENSTOCK RESULTS.h5 [RANKS]

Writes one line of data a point to the standard input of `penstock run --for-each -`, follows the events it prints, reads
what came out with `penstock table`, and narrows the interval down until it is short enough.
"""

import json
import os
import subprocess
import sys

POINTS = 6  # evaluated at once
TOLERANCE = 1e-4


class Run:
    def __init__(self, penstock, results, ranks):
        definition = os.path.join(os.path.dirname(os.path.abspath(__file__)), "point.yaml")
        launch = ["mpirun", "--oversubscribe", "-n", str(ranks)] if ranks > 1 else []
        self.penstock, self.results = penstock, results
        self.process = subprocess.Popen(
            launch + [penstock, "run", definition, "-o", results, "--force", "--quiet", "--for-each", "-", "--events", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def evaluate(self, points):
        """The function at each of the points, all evaluated at once."""
        for x in points:
            print(json.dumps({"x": x}), file=self.process.stdin, flush=True)
        waiting = len(points)
        while waiting > 0:
            event = json.loads(self.process.stdout.readline())
            if event["event"] == "pipeline":
                waiting -= 1
                if event["status"] != "succeeded":
                    sys.exit(f"{event['pipeline_instance']} failed")
        rows = subprocess.run(
            [self.penstock, "table", self.results, "point/evaluate", "--json"], check=True, capture_output=True, text=True
        ).stdout
        known = {}
        for row in map(json.loads, rows.splitlines()):
            known[float(row["pipeline_instance"].removeprefix("x="))] = row["values"]["y"]
        return [known[x] for x in points]

    def finish(self):
        self.process.stdin.close()
        self.process.stdout.read()
        return self.process.wait()


def find_minimum(evaluate, low, high):
    while high - low > TOLERANCE:
        points = [low + (high - low) * i / (POINTS + 1) for i in range(1, POINTS + 1)]
        values = evaluate(points)
        best = values.index(min(values))
        low, high = ([low] + points)[best], (points + [high])[best + 1]
    return (low + high) / 2


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    run = Run(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) == 4 else 1)
    x = find_minimum(run.evaluate, 0.0, 5.0)
    status = run.finish()
    print(f"minimum at x = {x:.4f}")
    sys.exit(status)


if __name__ == "__main__":
    main()
