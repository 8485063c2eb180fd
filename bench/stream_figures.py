#!/usr/bin/env python3
"""Figures of streams that take longer: memory behind a slow stage, large items, a parallel bzip2 beside pbzip2.

usage: stream_figures.py [--build BUILD] [--repeat N] [--seconds S] [--file FILE] [NAME ...]

Names: slow, large, bzip2. Needs a built tree (default: ./build) and mpirun; bzip2 needs pbzip2 and h5py (apt install
pbzip2 python3-h5py), and packs FILE, or 400 MB of what lies in /usr/lib and /usr/share.
"""
import argparse
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from figures import Bench, ENV, MPIRUN, ranks  # noqa: E402

MIB = 1 << 20


def resident(directory):
    """By rank of the launch that was started there, the resident bytes of all its processes."""
    found = {}
    for rank, folder in ranks():
        try:
            if os.readlink(folder + "/cwd") != directory:
                continue
            with open(folder + "/statm") as f:
                found[rank] = found.get(rank, 0) + int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")
        except OSError:
            pass  # it ended meanwhile
    return found


class StreamBench(Bench):
    def __init__(self, args):
        super().__init__(os.path.abspath(args.build), args.repeat, "")
        self.compress = os.path.join(os.path.abspath(args.build), "examples", "compress", "penstock-compress")
        self.seconds = args.seconds
        self.file = args.file

    def stream(self, name, stages):
        path = os.path.join(self.folder, name + ".json")
        with open(path, "w") as f:
            json.dump({"penstock": 1, "name": name, "stages": stages}, f)
        return path

    def watched(self, definition, interval):
        """Runs it on -n 4; what the summary says, and for each sample when it was and what each rank had."""
        samples, stop, start = [], threading.Event(), time.monotonic()

        def watch():
            while not stop.wait(interval):
                samples.append((time.monotonic() - start, resident(self.folder)))

        watcher = threading.Thread(target=watch)
        watcher.start()
        done = subprocess.run(MPIRUN + ["4", os.path.join(self.bench, "bench_workers"), "run", definition, "-o",
                                        os.path.join(self.folder, "out.h5"), "--force", "--no-collect"],
                              env=ENV, cwd=self.folder, capture_output=True, text=True)
        stop.set()
        watcher.join()
        if done.returncode != 0:
            sys.exit(f"{definition} failed with {done.returncode}:\n{done.stdout}{done.stderr}")
        said = re.search(r"succeeded; .* items in .*", done.stdout + done.stderr).group(0)
        return said, samples

    def slow(self):
        """1 MiB items as fast as they can be made, a stage that passes them on, and one that takes a millisecond each."""
        items = self.seconds * 1000
        inline = {"isolation": "inline"}
        definition = self.stream("slow", {
            "source": {"worker": "bench-source", "with": {"count": items, "bytes": MIB}, **inline},
            "pass": {"worker": "bench-pass", "from": "source", **inline},
            "slow": {"worker": "bench-count", "from": "pass", "with": {"us": 900}, **inline}})
        said, samples = self.watched(definition, 1)
        print(f"1 MiB items into a stage that takes 1,000 a second: {said}")
        settled = [sample for when, sample in samples if 5 < when < samples[-1][0] - 2]
        print("  resident MiB, a sample a second from the fifth on:")
        for rank in sorted(settled[0]):
            of_rank = [sample.get(rank, 0) / MIB for sample in settled]
            half = len(of_rank) // 2
            print(f"  rank {rank}: least {min(of_rank):6.1f}  most {max(of_rank):6.1f}   first half "
                  f"{statistics.mean(of_rank[:half]):6.1f}  second half {statistics.mean(of_rank[half:]):6.1f}", flush=True)
        growth = max(statistics.mean([s.get(r, 0) for s in settled[len(settled) // 2:]]) -
                     statistics.mean([s.get(r, 0) for s in settled[:len(settled) // 2]]) for r in settled[0]) / MIB
        self.say("most a rank grew from the first half to the second", f"{growth:.1f} MiB of {items / 1024:.0f} GiB", "flat")

    def large(self):
        """Few items of a size that no window holds."""
        for size, count in ((200 * MIB, 5), (1024 * MIB, 2)):
            inline = {"isolation": "inline"}
            definition = self.stream("large", {
                "source": {"worker": "bench-source", "with": {"count": count, "bytes": size}, **inline},
                "pass": {"worker": "bench-pass", "from": "source", **inline},
                "count": {"worker": "bench-count", "from": "pass", **inline}})
            said, samples = self.watched(definition, 0.05)
            most = {}
            for _, sample in samples:
                for rank, held in sample.items():
                    most[rank] = max(most.get(rank, 0), held)
            peaks = ", ".join(f"rank {rank} {held / MIB:,.0f} MiB" for rank, held in sorted(most.items()))
            print(f"{count} items of {size // MIB:,} MiB over 2 hops: {said}; at most {peaks}", flush=True)

    def some_file(self):
        path = os.path.join(self.folder, "input")
        with open(path, "wb") as out:
            for top in ("/usr/lib", "/usr/share"):
                for folder, folders, names in os.walk(top):
                    folders.sort()
                    for name in sorted(names):
                        one = os.path.join(folder, name)
                        if os.path.islink(one) or not os.path.isfile(one) or not os.access(one, os.R_OK):
                            continue
                        if not 8192 < os.path.getsize(one) < 4 * MIB:
                            continue
                        with open(one, "rb") as source:
                            shutil.copyfileobj(source, out)
                        if out.tell() >= 400_000_000:
                            return path
        return path

    def bzip2(self):
        if shutil.which("pbzip2") is None or not os.path.exists(self.compress):
            return print("bzip2: needs pbzip2 (apt install pbzip2) and the built example")
        cpus = len(os.sched_getaffinity(0))
        source = self.file or self.some_file()
        theirs, ours = [], {(0, "inline"): [], (cpus + 2, "inline"): [], (cpus + 2, "process"): []}
        for _ in range(self.repeat):  # in turn, so that all see the same machine
            theirs.append(self.pbzip2(source, cpus))
            for (ranks, isolation), took in ours.items():
                took.append(self.packed(source, cpus, ranks, isolation))
            print("  pbzip2 {:.1f} s with {:.1f} s of CPU, {}".format(
                *theirs[-1], ", ".join("{:.1f} s with {:.1f} s in Bzip2".format(*took[-1]) for took in ours.values())),
                flush=True)
        size = os.path.getsize(source) / 1e6
        its_own = statistics.median(cpu / cpus / wall for wall, cpu in theirs)
        for (ranks, isolation), took in ours.items():
            speed = statistics.median(wall / own for (wall, _), (own, _) in zip(theirs, took))
            of_ideal = statistics.median(cpu / cpus / own for own, cpu in took)
            what = f"bzip2 of {size:.0f} MB, {isolation}, " + (f"{ranks} ranks" if ranks else "no launcher")
            self.say(what, f"{speed:.2f} x pbzip2", ">= 1.00")
            self.say(what, f"{of_ideal:.3f} x (CPU of Bzip2 / CPUs)", ">= 0.97", f"pbzip2 itself {its_own:.3f}")

    def packed(self, source, cpus, ranks, isolation):
        """Seconds from the first block that was read to the end, and CPU seconds of the stage that packs."""
        import h5py

        results = os.path.join(self.folder, "out.h5")
        packed = os.path.join(self.folder, "packed.bz2")
        where = {"isolation": isolation}
        definition = self.stream("bzip2", {
            "blocks": {"worker": "ReadBlocks", "with": {"file": source}, **where},
            "packed": {"worker": "Bzip2", "from": "blocks", "workers": cpus, "ordered": True, "queue": 4 * cpus, **where},
            "written": {"worker": "WriteBlocks", "from": "packed", "with": {"file": packed}, "queue": 4 * cpus, **where}})
        for old in (results, packed):  # to replace a file is to wait until the new one is on the disk
            if os.path.exists(old):
                os.remove(old)
        launcher = MPIRUN + [str(ranks)] if ranks else []
        subprocess.run(launcher + [self.compress, "run", definition, "-o", results, "--force"],
                       env=ENV, cwd=self.folder, capture_output=True, text=True, check=True)
        if subprocess.run(f"bzip2 -dc '{packed}' | cmp - '{source}'", shell=True).returncode != 0:
            sys.exit(f"{packed} is damaged")
        with h5py.File(results) as f:
            names = f["jobs/name"].asstr()[:]
            attempts = f["attempts"]
            cpu = sum(cpu for job, cpu in zip(attempts["job"], attempts["cpu"]) if names[job] == "packed")
            return float(max(attempts["finished"]) - min(attempts["started"])) * 1e-9, cpu

    def pbzip2(self, source, cpus):
        packed = os.path.join(self.folder, "theirs.bz2")
        if os.path.exists(packed):
            os.remove(packed)
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        with open(packed, "wb") as out:
            subprocess.run(["pbzip2", "-k", "-c", "-9", "-b9", f"-p{cpus}", source], stdout=out, check=True)
        wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        return wall, after.ru_utime - before.ru_utime


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=60, help="of the slow stage")
    parser.add_argument("--file", help="to be packed")
    parser.add_argument("names", nargs="*", metavar="NAME", help="slow, large, bzip2")
    args = parser.parse_args()
    names = args.names or ["slow", "large", "bzip2"]
    if set(names) - {"slow", "large", "bzip2"}:
        parser.error("there are: slow, large, bzip2")
    bench = StreamBench(args)
    try:
        for name in names:
            getattr(bench, name)()
    finally:
        shutil.rmtree(bench.folder)


if __name__ == "__main__":
    main()
