"""kill -9 of anything at any instant, then --resume where the run did not finish by itself.

Whatever was killed, the results come to those of a run that nobody disturbed, nothing that was durable runs again, no
number of an attempt is used twice, and no process is left behind. PENSTOCK_KILLS=N does N runs of each kind of kill (1 by
default), PENSTOCK_KILL_SEED=S begins with that seed; each failure prints its own. scripts/kill_campaign does many.
"""
import os
import random
import subprocess
import time

from killing import PATIENCE_S, Launch, kill_now
from launching import LaunchTest
from results_content import content, differences, durable_jobs, repeated_attempts

JOBS = """
penstock: 1
name: work
defaults: {retries: 8}
jobs:
  top: {worker: command, with: {shell: "echo top >> ran.txt; echo 7", outputs: {p: {json: ""}}}}
  left:
    worker: command
    for-each: {n: {range: [0, 40]}}
    after: top
    with: {argv: [sh, -c, 'echo "left[n=$1]" >> ran.txt; echo $(($1 * $1 + $2))', x, "{n}", "{p}"], outputs: {square: {json: ""}}}
  right:
    worker: command
    for-each: {like: left}
    after: top
    with:
      cwd: scratch
      shell: 'echo "right[n="{n}"]" >> {launch-dir}/ran.txt; printf "%400d" {n} > wide.bin'
      outputs: {wide: {file: wide.bin, as: array, dtype: uint8, shape: [20, 20]}}
  bottom:
    worker: command
    for-each: {like: left}
    after: [left, right]
    with:
      stdin: wide
      shell: 'echo "bottom[n="{n}"]" >> ran.txt; echo {square}; cksum'
      outputs: {digest: {text: stdout}}
  flaky:
    worker: command
    for-each: {n: {range: [0, 6]}}
    with: {shell: 'echo "flaky[n="{n}"]" >> ran.txt; if mkdir tried-{n}; then exit 3; fi; echo {n}', outputs: {f: {json: ""}}}
  nap: {worker: sleep, for-each: {n: {range: [0, 20]}}, with: {seconds: 0.03}}
  short: {worker: constant, for-each: {n: {range: [0, 2000]}}, with: {values: {one: 1}}}
  sum: {worker: Sum, inputs: {values: left.square}}
  count: {worker: Sum, inputs: {values: short.one}}
  last: {worker: Sum, inputs: {values: flaky.f}}
"""

STREAM = """
penstock: 1
name: flow
stages:
  numbers: {worker: range, with: {stop: 400}}
  twice:
    worker: command
    from: numbers
    workers: 2
    ordered: true
    on-error: retry
    with: {frames: json, argv: [sh, -c, 'while read x; do sleep 0.001; echo $((x * 2)); done']}
  shown: {worker: filter, from: twice, on-error: retry, with: {at-least: 100}}
  total: {worker: Sum, from: twice, on-error: retry}
"""

KINDS = ["worker", "zygote", "rank", "all", "launcher"]


class KillCampaign(LaunchTest):
    def test_a_worker_process(self):
        self.campaign("worker")

    def test_a_zygote(self):
        self.campaign("zygote")

    def test_a_rank_that_is_not_the_first(self):
        self.campaign("rank")

    def test_all_ranks_at_once(self):
        self.campaign("all")

    def test_the_launcher(self):
        self.campaign("launcher")

    def test_two_of_these_one_after_the_other(self):
        self.campaign("mix")

    def campaign(self, kind):
        self.tally = {"runs": 0, "failed": 0, "finished by themselves": 0, "resumed": 0, "durable jobs looked at": 0,
                      "left by mpirun alone": 0}
        self.launches = 0
        top = self.folder
        self.definitions = {False: [self.write("work.yaml", JOBS)]}
        self.definitions[True] = [*self.definitions[False], self.write("flow.yaml", STREAM)]
        self.whole, self.lasted = {}, {}
        for streams, definitions in self.definitions.items():
            self.folder = os.path.join(top, f"undisturbed-{streams}")
            os.mkdir(self.folder)
            begun = time.monotonic()
            self.penstock(4, "run", *definitions, "-o", "r.h5", "--retry-delay", "0.05s")
            self.lasted[streams] = time.monotonic() - begun
            self.whole[streams] = content(self.path("r.h5"))
        first = int(os.environ.get("PENSTOCK_KILL_SEED", random.randrange(10**6)))
        for seed in range(first, first + int(os.environ.get("PENSTOCK_KILLS", 1))):
            with self.subTest(kind=kind, seed=seed):
                self.folder = os.path.join(top, str(seed))
                os.mkdir(self.folder)
                self.tally["failed"] += 1
                try:
                    self.disturb(random.Random(f"{kind} {seed}"), [kind] if kind != "mix" else None)
                except Exception as error:
                    print(f"{kind}, seed {seed}: {error}", flush=True)  # at once: it may be one of hundreds
                    raise
                self.tally["failed"] -= 1
        self.folder = top
        print(f"{kind}: " + ", ".join(f"{count} {what}" for what, count in self.tally.items()), flush=True)

    def disturb(self, chance, kinds):
        kinds = kinds or [chance.choice(KINDS), chance.choice(KINDS)]
        streams = chance.random() < 0.4
        self.tally["runs"] += 1
        self.kept, self.ran = {}, {}
        killed, finished = [], False
        while kinds and not finished:
            launch = self.start(chance, streams, kinds)
            try:
                here = self.kill_during(launch, chance, kinds, self.lasted[streams])
                killed += here
                ended = launch.wait(self)
                self.tally["left by mpirun alone"] += not ended
                if os.path.exists(self.path("r.h5.run/journal")) or os.path.exists(self.path("r.h5")):
                    self.look_at_what_is_durable()
                missing = self.missing(streams)
                finished = not missing
                if not finished and ended:
                    self.check_excuse(launch, here, missing)
            finally:
                launch.end()
        self.tally["finished by themselves" if finished else "resumed"] += 1
        said = ""
        if not finished:
            said = self.penstock(chance.choice([0, 2, 3, 5]), "run", *self.definitions[streams], "-o", "r.h5", "--resume",
                                 "--retry-failed", "--retry-delay", "0.05s", timeout=PATIENCE_S)
        self.check_the_end(streams, f"killed: {killed}\n{said}")

    def start(self, chance, streams, kinds):
        ranks = chance.choice([4, 5, 6] if "rank" in kinds else [2, 3, 4] if "launcher" in kinds else [0, 1, 2, 3, 5])
        self.pipeliners = chance.choice([1, 2]) if ranks > 5 else 1
        command = self.command(ranks, "run", *self.definitions[streams], "-o", "r.h5", "--resume", "--retry-failed",
                               "--retry-delay", "0.05s", "--pipeliners", self.pipeliners)
        if "rank" in kinds:
            command.insert(1, "--enable-recovery")
        self.launches += 1
        return Launch(self.folder, command, self.launches)

    def kill_during(self, launch, chance, kinds, lasts):
        """Kills what the first of `kinds` says, and the next one when the launch lives on; takes them off the list."""
        killed = []
        while kinds and launch.process.poll() is None:
            kind = kinds.pop(0)
            try:
                launch.process.wait(timeout=chance.random() * lasts)
                return killed  # it was faster
            except subprocess.TimeoutExpired:
                pass
            if chance.random() < 0.3 and os.path.exists(self.path("r.h5.run/journal")):
                self.look_at_what_is_durable()
            victims = launch.victims(kind, 1)
            if victims and kind not in ("all", "launcher"):
                victims = [chance.choice(victims)]
            processes = launch.processes()
            for pid in victims:
                kill_now(pid)
            killed.append((kind, [processes.get(pid) for pid in victims]))
        return killed

    def look_at_what_is_durable(self):
        """All that is durable now is as it was when it was first seen, and will be looked at again."""
        done = subprocess.run(self.command(0, "collect", "r.h5", "-o", "so-far.h5"), cwd=self.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S)
        if done.returncode == 0:
            now = durable_jobs(self.path("so-far.h5"))
            self.check_kept(now)
            self.kept = now
            ran = self.times_each_ran()
            self.ran = {**{job: ran.get(job, 0) for job in now}, **self.ran}
            self.tally["durable jobs looked at"] += len(now)

    def check_kept(self, now):
        for job, row in self.kept.items():
            self.assertEqual(now.get(job, "lost"), row, f"{job} was durable")

    def times_each_ran(self):
        times = {}
        if os.path.exists(self.path("ran.txt")):
            with open(self.path("ran.txt"), encoding="utf-8") as f:
                for line in f:
                    times[line.rstrip()] = times.get(line.rstrip(), 0) + 1
        return times

    def missing(self, streams):
        """What the results file lacks; an empty list when it is as it should be."""
        if not os.path.exists(self.path("r.h5")):
            return ["there are no results"]
        return differences(self.whole[streams], content(self.path("r.h5")))

    def check_excuse(self, launch, killed, missing):
        """A run need not end well when it began without all its ranks, when rank 0 or the launcher is gone, or when the
        process of a source was killed."""
        said = launch.printed()
        kinds = {kind for kind, _ in killed}
        if kinds & {"all", "launcher"} or "while the launch began" in said or not launch.launched and not said:
            return
        if "worker" in kinds and "stream" in said and "numbers" in said:
            return
        self.fail(f"the run did not end well by itself; killed: {killed}; {missing}\n{said}")

    def check_the_end(self, streams, said):
        self.assertEqual(self.missing(streams), [], said)
        self.check_kept(durable_jobs(self.path("r.h5")))
        ran = self.times_each_ran()
        for job, times in self.ran.items():
            self.assertEqual(ran.get(job, 0), times, f"{job} ran again after it was durable; {said}")
        self.assertEqual(repeated_attempts(self.path("r.h5")), [], said)


if __name__ == "__main__":
    import unittest
    unittest.main()
