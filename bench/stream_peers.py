#!/usr/bin/env python3
"""Streams beside their peers, in turn in one run: MPipe and parallelpipe (Python, when they can be imported: pip install
mpipe parallelpipe) and oneTBB (a program of this folder, when it was built: apt install libtbb-dev).

usage: stream_peers.py [--build BUILD] [--repeat N]

Three stages that pass on what they get, behind a source and before a count. Penstock runs them on -n 4, the others in the
processes or threads they make themselves. Every figure is the median of N rounds (default 3), in items a second.
"""
import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from figures import Bench  # noqa: E402

TEXT_BYTES = 65536


def items(count, size):
    text = "x" * size
    for i in range(count):
        yield text if size else i


def same(item):
    return item


def mpipe(count, size, ordered):
    import mpipe as m
    make = m.OrderedStage if ordered else m.UnorderedStage
    stages = [make(same) for _ in range(3)]
    for before, after in zip(stages, stages[1:]):
        before.link(after)
    pipe = m.Pipeline(stages[0])
    start = time.monotonic()
    import threading

    def feed():
        for item in items(count, size):
            pipe.put(item)
        pipe.put(None)

    feeder = threading.Thread(target=feed)
    feeder.start()
    seen = sum(1 for _ in pipe.results())
    feeder.join()
    return seen, time.monotonic() - start


def parallelpipe(count, size, _ordered):
    import parallelpipe as p
    start = time.monotonic()
    pipe = items(count, size) | p.map_stage(workers=1)(same) | p.map_stage(workers=1)(same) | p.map_stage(workers=1)(same)
    seen = sum(1 for _ in pipe.results())
    return seen, time.monotonic() - start


def onetbb(program):
    def run(count, size, ordered):
        out = subprocess.run([program, str(count), str(size), "ordered" if ordered else "unordered"], check=True,
                             capture_output=True, text=True).stdout.split()
        return int(out[0]), float(out[1])

    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    bench = Bench(build, 1, "")
    peers = {}
    for name, run in (("mpipe", mpipe), ("parallelpipe", parallelpipe)):
        if importlib.util.find_spec(name):
            peers[name] = (run, 100_000, 5_000)
        else:
            print(f"({name} is not there: pip install {name})")
    program = os.path.join(build, "bench", "tbb_pipeline")
    if os.path.exists(program):
        peers["oneTBB"] = (onetbb(program), 4_000_000, 40_000)
    else:
        print("(oneTBB is not there: apt install libtbb-dev, and build again)")

    for title, size, ordered in (("int64, unordered", 0, False), ("int64, ordered", 0, True),
                                 ("64 KiB, unordered", TEXT_BYTES, False)):
        ours, rates = [], {name: [] for name in peers}
        for _ in range(args.repeat):  # in turn, so that all see the same machine
            more = {"bytes": size} if size else {}
            ours.append(bench.items_per_second("peers", 20_000 if size else 4_000_000, "inline", ordered=ordered, **more))
            for name, (run, small, large) in peers.items():
                count = large if size else small
                seen, seconds = run(count, size, ordered)
                if seen != count:
                    print(f"  {name} lost {count - seen} of {count} items")
                rates[name].append(count / seconds)
        print(f"{title:<20} penstock {statistics.median(ours):>12,.0f}/s", flush=True)
        for name, found in rates.items():
            ratio = statistics.median(o / r for o, r in zip(ours, found))
            print(f"{'':<20} {name:<12} {statistics.median(found):>8,.0f}/s   penstock is {ratio:.2f} x as fast", flush=True)


if __name__ == "__main__":
    main()
