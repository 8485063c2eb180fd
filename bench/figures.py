#!/usr/bin/python3
"""The figures Penstock is held to, each beside a floor measured in the same run.

usage: figures.py [--build BUILD] [--graphs FILE.stg.xz] [--repeat N] [NAME ...]

Needs a built tree (default: ./build) and mpirun. Names: fan, process, command, chain, scale, memory, idle, results, single,
streams, durability.
Every figure is the median of N runs (default 3); machines are noisy, so read the ratios.
"""
import argparse
import json
import lzma
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ENV = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
MPIRUN = ["mpirun", "--oversubscribe", "-n"]


class Bench:
    def __init__(self, build, repeat, graphs):
        self.penstock = os.path.join(build, "src", "cli", "penstock")
        self.bench = os.path.join(build, "bench")
        self.repeat = repeat
        self.graphs = graphs
        self.folder = tempfile.mkdtemp(prefix="penstock-figures-")

    def definition(self, name, jobs, **more):
        path = os.path.join(self.folder, name + ".json")
        with open(path, "w") as f:
            json.dump({"penstock": 1, "name": name, "jobs": jobs, **more}, f)
        return path

    def run(self, definition, ranks, *options, program=None):
        """Jobs/s, as the program's own summary tells them, and the wall time of one run."""
        command = [program or self.penstock, "run", definition, "-o", os.path.join(self.folder, "out.h5"), "--force", *options]
        if ranks:
            command = MPIRUN + [str(ranks)] + command
        start = time.monotonic()
        done = subprocess.run(command, env=ENV, cwd=self.folder, capture_output=True, text=True)
        wall = time.monotonic() - start
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} failed with {done.returncode}:\n{done.stdout}{done.stderr}")
        found = re.search(r"; ([\d.,]+) (ns|us|µs|ms|s|min), ([\d.,]+) jobs/s", done.stdout + done.stderr)
        rate = float(found.group(3).replace(",", "")) if found else float("nan")
        return rate, wall

    def items_per_second(self, name, items, isolation, workers=1, ordered=False, us=0, repeat=None, **of_source):
        """Items of a source through three stages that do `us` microseconds of work (one, when there is any) and a count."""
        source = {"count": items, **of_source}
        stages = {"source": {"worker": "bench-source", "with": source, "isolation": isolation}}
        before = "source"
        for stage in ("a",) if us else ("a", "b", "c"):
            stages[stage] = {"worker": "bench-pass", "from": before, "with": {"us": us}, "isolation": isolation,
                             "workers": workers, "ordered": ordered}
            before = stage
        stages["count"] = {"worker": "bench-count", "from": before, "isolation": isolation}
        definition = os.path.join(self.folder, name + ".json")
        with open(definition, "w") as f:
            json.dump({"penstock": 1, "name": name, "stages": stages}, f)

        def measure():
            command = MPIRUN + ["4", os.path.join(self.bench, "bench_workers"), "run", definition, "-o",
                                os.path.join(self.folder, "out.h5"), "--force", "--no-collect"]
            done = subprocess.run(command, env=ENV, cwd=self.folder, capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(f"{' '.join(command)} failed with {done.returncode}:\n{done.stdout}{done.stderr}")
            rate = re.search(r"succeeded; .* items in [^,]*, ([\d.,]+) items/s", done.stdout + done.stderr)
            return float(rate.group(1).replace(",", ""))

        return self.median(measure) if repeat is None else measure()

    def streams(self):
        for name, goal, options in (("unordered, inline", 2_000_000, {"isolation": "inline"}),
                                    ("ordered, 2 workers each, inline", 1_000_000,
                                     {"isolation": "inline", "workers": 2, "ordered": True}),
                                    ("unordered, worker processes", 400_000, {"isolation": "process"})):
            rate = self.items_per_second("stream", 4_000_000, **options)
            self.say(f"int64 through 3 stages, {name}, -n 4", f"{rate:,.0f} items/s", f">= {goal:,}")
        for what, options in (("arrays", {"array": True}), ("strings", {})):
            rates, floors = [], []
            for _ in range(self.repeat):  # in turn, so that both see the same machine
                floors.append(self.floor_mpi_transfer(65536))
                rates.append(self.items_per_second("bytes", 40_000, "inline", bytes=65536, repeat=1, **options) * 65536 * 4)
            ratio = statistics.median(r / f for r, f in zip(rates, floors))
            self.say(f"64 KiB {what} through 3 stages, inline, -n 4",
                     f"{statistics.median(rates) / 2**30:.2f} GiB/s over all hops", ">= 0.50 x bare MPI",
                     f"{ratio:.2f} x bare MPI ({statistics.median(floors) / 2**30:.2f} GiB/s)")
        rates, floors = [], []
        for _ in range(self.repeat):
            floors.append(self.floor_work(2, 10, 500_000))
            rates.append(self.items_per_second("work", 1_000_000, "inline", workers=2, us=10, repeat=1))
        ratio = statistics.median(r / f for r, f in zip(rates, floors))
        self.say("10 us of work an item, 2 workers, -n 4", f"{statistics.median(rates):,.0f} items/s", ">= 0.95 x ideal",
                 f"{ratio:.2f} x two threads that do nothing else ({statistics.median(floors):,.0f}/s)")

    def median(self, measure):
        return statistics.median(measure() for _ in range(self.repeat))

    def rate(self, definition, ranks, *options):
        return self.median(lambda: self.run(definition, ranks, *options)[0])

    def say(self, name, figure, goal, floor=""):
        print(f"{name:<58} {figure:>28}   goal {goal:<22} {floor}", flush=True)

    # ---------------------------------------------------------------------------------------------- figures

    def noop(self, name, count, isolation="inline", **more):
        job = {"worker": "noop", "isolation": isolation, "for-each": {"i": {"range": [0, count]}}, **more}
        return self.definition(name, {"n": job})

    def floor_mpi(self):
        out = subprocess.run(MPIRUN + ["2", os.path.join(self.bench, "mpi_floor"), "300000"], env=ENV,
                             capture_output=True, text=True, check=True).stdout
        return float(out.split()[0])

    def floor_mpi_transfer(self, bytes):
        out = subprocess.run(MPIRUN + ["2", os.path.join(self.bench, "mpi_floor"), "40000", str(bytes)], env=ENV,
                             capture_output=True, text=True, check=True).stdout
        return float(out.split()[0])

    def floor_work(self, threads, us, items):
        out = subprocess.run([os.path.join(self.bench, "work_floor"), str(threads), str(us), str(items)],
                             capture_output=True, text=True, check=True).stdout
        return float(out.split()[0])

    def fan(self):
        ratios, rates, floors = [], [], []
        definition = self.noop("fan", 1_000_000)
        for _ in range(self.repeat):  # in turn, so that both see the same machine
            floors.append(self.floor_mpi())
            rates.append(self.run(definition, 3, "--no-collect", "--slots", "1")[0])
            ratios.append(rates[-1] / floors[-1])
        self.say("no-op jobs, inline, -n 3, durable", f"{statistics.median(rates):,.0f} jobs/s", ">= 1,000,000",
                 f"{statistics.median(ratios):.2f} x bare MPI ({statistics.median(floors):,.0f}/s)")

    def process(self):
        rate = self.rate(self.noop("process", 400_000, "process"), 3, "--no-collect", "--slots", "1")
        self.say("no-op jobs in worker processes, -n 3", f"{rate:,.0f} jobs/s", ">= 200,000")

    def command(self):
        job = {"worker": "command", "with": {"argv": ["/bin/true"]}, "for-each": {"i": {"range": [0, 6000]}}}
        definition = self.definition("command", {"c": job})
        floors, rates = [], []
        for _ in range(self.repeat):
            out = subprocess.run([os.path.join(self.bench, "spawn_floor"), "2", "6000"], capture_output=True, text=True)
            floors.append(float(out.stdout.split()[0]) if out.returncode == 0 else float("nan"))
            rates.append(self.run(definition, 3, "--no-collect", "--slots", "2")[0])
        ratio = statistics.median(r / f for r, f in zip(rates, floors))
        self.say("command jobs of /bin/true, -n 3, 2 slots", f"{statistics.median(rates):,.0f} jobs/s", ">= 0.90 x the floor",
                 f"{ratio:.2f} x bare posix_spawn loop ({statistics.median(floors):,.0f}/s)")

    def chain(self):
        for isolation, goal in (("inline", "<= 20 us"), ("process", "<= 60 us")):
            jobs = {"c0": {"worker": "noop", "isolation": isolation}}
            for i in range(1, 5000):
                jobs[f"c{i}"] = {"worker": "noop", "isolation": isolation, "after": f"c{i - 1}"}
            definition = self.definition("chain-" + isolation, jobs)
            for ranks in (0, 3):
                hop = 1e6 / self.rate(definition, ranks, "--no-collect", "--slots", "1")
                self.say(f"a hop of a chain of no-op jobs, {isolation}, " + (f"-n {ranks}" if ranks else "one process"),
                         f"{hop:,.1f} us", goal)

    def scale(self):
        small = self.rate(self.noop("fan-small", 100_000), 3, "--no-collect", "--slots", "1")
        large = self.rate(self.noop("fan-large", 1_000_000), 3, "--no-collect", "--slots", "1")
        self.say("1,000,000 jobs in one fan against 100,000", f"{large / small:.2f} x the rate", ">= 0.80")
        if not self.graphs or not os.path.exists(self.graphs):
            print("(no graph file: give --graphs to measure a graph of 63,353 tasks)")
            return
        jobs = {}
        for line in lzma.open(self.graphs, "rt"):
            fields = line.split()
            if len(fields) < 3 or not fields[0].isdigit():
                continue
            job = {"worker": "noop", "isolation": "inline"}
            if int(fields[2]):
                job["after"] = ["t" + p for p in fields[3:3 + int(fields[2])]]
            jobs["t" + fields[0]] = job
        definition = self.definition("graph", jobs)
        rate = self.rate(definition, 3, "--no-collect", "--slots", "1")
        self.say(f"a real graph of {len(jobs):,} tasks", f"{rate:,.0f} jobs/s", ">= 0.80 x the fan's", f"{rate / small:.2f} x")

    def memory(self):
        """What 1,000,000 jobs more add to the peaks of router and pipeliner: the slope, so that what every run needs
        does not count."""
        peaks = {}
        for count in (1_000_000, 3_000_000):
            stop, seen = threading.Event(), {}

            def watch():
                while not stop.wait(0.005):
                    seen.update(peak_bytes())

            watcher = threading.Thread(target=watch)
            watcher.start()
            self.run(self.noop(f"memory-{count}", count), 3, "--no-collect", "--slots", "1")
            stop.set()
            watcher.join()
            peaks[count] = seen.get(0, 0) + seen.get(1, 0)
        growth = (peaks[3_000_000] - peaks[1_000_000]) / 2_000_000
        self.say("memory of router and pipeliner, a job more", f"{growth:.1f} bytes", "<= 200 bytes")

    def idle(self):
        definition = self.definition("idle", {"s": {"worker": "sleep", "with": {"seconds": 6}}})
        samples = {}

        def watch():
            time.sleep(2)
            before = cpu_seconds()
            time.sleep(3)
            after = cpu_seconds()
            for rank, seconds in after.items():
                if rank in before:
                    samples[rank] = (seconds - before[rank]) / 3 * 100

        watcher = threading.Thread(target=watch)
        watcher.start()
        self.run(definition, 4, "--no-collect")
        watcher.join()
        self.say("CPU of an idle rank, worst of -n 4", f"{max(samples.values(), default=float('nan')):.1f} %", "<= 2 %")

    def results(self):
        job = {"worker": "bench-array", "isolation": "inline", "for-each": {"i": {"range": [0, 100_000]}}}
        definition = self.definition("results", {"r": job})
        penstock, self.penstock = self.penstock, os.path.join(self.bench, "bench_workers")
        walls = []
        for _ in range(self.repeat):
            start = self.run(self.noop("nothing", 1), 3, "--slots", "1")[1]
            walls.append(100_000 / (self.run(definition, 3, "--slots", "1")[1] - start))
        self.penstock = penstock
        self.say("100,000 jobs, 3 scalars + 100 doubles, collected", f"{statistics.median(walls):,.0f} jobs/s", ">= 150,000",
                 "(wall time less that of a run of one job)")

    def single(self):
        definition = self.noop("single", 1)
        wall = self.median(lambda: self.run(definition, 0)[1])
        self.say("penstock run of one no-op job, no launcher", f"{wall * 1e3:.0f} ms", "<= 50 ms")

    def durability(self):
        """With records, and by a program that keeps none, in turn."""
        records, none = (os.path.join(self.bench, name) for name in ("bench_workers", "without_records"))
        busy = {"b": {"worker": "bench-busy", "isolation": "inline", "with": {"us": 10},
                      "for-each": {"i": {"range": [0, 300_000]}}}}
        for what, definition, goal in (("no-op jobs", self.noop("durable", 1_000_000), ">= 0.60"),
                                       ("jobs of 10 us", self.definition("busy", busy), ">= 0.95")):
            for ranks in (0, 3):
                pairs = [[self.run(definition, ranks, "--no-collect", "--slots", "1", program=program)[0]
                          for program in (records, none)] for _ in range(self.repeat)]
                with_records, without = (statistics.median(rates) for rates in zip(*pairs))
                self.say(f"{what}, inline, -n {ranks}, durable", f"{with_records:,.0f} jobs/s", goal,
                         f"{statistics.median(a / b for a, b in pairs):.2f} x without records ({without:,.0f}/s)")


def ranks():
    """The rank and the /proc folder of each process of a launch of penstock, worker processes and zygotes among them."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                rank = re.search(rb"OMPI_COMM_WORLD_RANK=(\d+)", f.read())
            with open(f"/proc/{pid}/comm") as f:
                ours = re.search("penstock|bench_workers", f.read())
        except OSError:
            continue
        if rank and ours:
            yield int(rank.group(1)), f"/proc/{pid}"


def most_of_each_rank(measure):
    """By rank, the most that `measure` finds in the /proc folder of one of its processes."""
    found = {}
    for rank, folder in ranks():
        try:
            found[rank] = max(found.get(rank, 0), measure(folder))
        except (OSError, AttributeError):
            pass  # it ended meanwhile
    return found


def cpu_seconds():
    def measure(folder):
        with open(folder + "/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    return most_of_each_rank(measure)


def peak_bytes():
    def measure(folder):
        with open(folder + "/status") as f:
            return int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1)) * 1024

    return most_of_each_rank(measure)


def main():
    figures = ["fan", "process", "command", "chain", "scale", "memory", "idle", "results", "single", "streams", "durability"]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--graphs", default=os.environ.get("PENSTOCK_GRAPHS", ""))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(figures))
    args = parser.parse_args()
    bench = Bench(os.path.abspath(args.build), args.repeat, args.graphs)
    for name in args.names or figures:
        if name not in figures:
            parser.error(f"no figure is called {name}; there are: {', '.join(figures)}")
        getattr(bench, name)()


if __name__ == "__main__":
    main()
