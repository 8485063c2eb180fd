"""Attempts that fail on real ranks: tried again elsewhere, timed out, out of memory, crashed; what is recorded of them."""
import collections
import os
import subprocess
import unittest

import h5py

from launching import PENSTOCK, LaunchTest

FAILING = """
penstock: 1
name: p
defaults: {isolation: process}
jobs:
  thrice: {worker: fail, retries: 5, with: {attempts: 2}}
  inline: {worker: fail, retries: 5, isolation: inline, with: {attempts: 2}}
  crashes: {worker: crash, retries: 5, with: {attempts: 2}}
  never: {worker: fail, retries: 2, with: {message: "no way"}}
  poison: {worker: crash, retries: 50}
  many: {worker: fail, retries: 1, for-each: {i: {range: [0, 40]}}, with: {attempts: 1}}
  fan-in: {worker: noop, after: [many, thrice, inline, crashes]}
  below: {worker: noop, after: never}
  far-below: {worker: noop, after: [below, fan-in]}
  beside: {worker: noop, after: {job: never, when: ended}}
"""


class Attempts(LaunchTest):
    def attempts_of(self, f):
        """{"name[instance]": [{number, broker, slot, reason, error, ...}, ...]}; numbers are 1, 2, ... without a gap."""
        names = [f"{n}[{i}]" if i else n for n, i in zip(f["jobs/name"].asstr()[:], f["jobs/instance"].asstr()[:])]
        texts = {column: f["attempts"][column].asstr()[:] for column in ("reason", "error")}
        plain = {column: f["attempts"][column][:] for column in
                 ("job", "number", "broker", "slot", "started", "finished", "exit_code", "signal", "peak_memory")}
        found = collections.defaultdict(list)
        for row in range(len(plain["job"])):
            found[names[plain["job"][row]]].append({**{c: v[row] for c, v in plain.items()},
                                                    **{c: v[row] for c, v in texts.items()}})
        for name, attempts in found.items():
            self.assertEqual([a["number"] for a in attempts], list(range(1, len(attempts) + 1)), name)
        return found

    def check_failing(self, ranks):
        with self.run_definition(FAILING, ranks, "--slots", 2, "--retry-delay", "0.1 s", expect=1) as f:
            rows = self.jobs(f)
            wanted = dict.fromkeys(rows, "succeeded")
            wanted.update({"never": "failed", "poison": "failed", "below": "skipped", "far-below": "skipped"})
            self.assertEqual(rows, wanted)
            errors = dict(zip(f["jobs/name"].asstr()[:], f["jobs/error"].asstr()[:]))
            self.assertEqual([errors["below"], errors["far-below"]], ["never", "never"])
            self.assertIn("crashed 3 times in a row", errors["poison"])
            counts = dict(zip(f["jobs/name"].asstr()[:], f["jobs/attempts"][:]))
            self.assertEqual(counts["thrice"], 3)
            self.assertEqual(counts["below"], 0)

            attempts = self.attempts_of(f)
            reasons = {name: [a["reason"] for a in attempts[name]] for name in
                       ("thrice", "inline", "crashes", "never", "poison", "many[i=7]", "fan-in")}
            self.assertEqual(reasons, {
                "thrice": ["exception", "exception", "succeeded"],
                "inline": ["exception", "exception", "succeeded"],
                "crashes": ["signal", "signal", "succeeded"],
                "never": ["exception"] * 3,
                "poison": ["signal"] * 3,
                "many[i=7]": ["exception", "succeeded"],
                "fan-in": ["succeeded"]})
            self.assertEqual([a["signal"] for a in attempts["crashes"]], [11, 11, 0])
            self.assertEqual([a["error"] for a in attempts["never"]], ["no way"] * 3)
            for name, all_of_it in attempts.items():
                for one, next_one in zip(all_of_it, all_of_it[1:]):
                    self.assertGreaterEqual(next_one["started"] - one["finished"], 50_000_000, name)
            last_of_many = max(attempts[f"many[i={i}]"][-1]["finished"] for i in range(40))
            self.assertGreaterEqual(attempts["fan-in"][0]["started"], last_of_many)

    def test_alone(self):
        self.check_failing(0)

    def test_two_brokers(self):
        self.check_failing(4)

    def test_the_next_attempt_is_at_another_broker_or_slot(self):
        """Nothing else runs, so that there is always another one."""
        definition = """
penstock: 1
name: elsewhere
jobs:
  simple: {worker: fail, retries: 4, with: {attempts: 4}}
  wide: {worker: fail, retries: 4, memory: 1 MiB, isolation: inline, with: {attempts: 4}, after: simple}
"""
        for ranks, where in ((4, "broker"), (0, "slot")):
            with self.run_definition(definition, ranks, "--slots", 2, "--retry-delay", "0.02 s") as f:
                for name, attempts in self.attempts_of(f).items():
                    places = [a[where] for a in attempts]
                    self.assertEqual(len(places), 5)
                    self.assertTrue(all(a != b for a, b in zip(places, places[1:])), f"{name} at {where}s {places}")

    def test_limits(self):
        definition = """
penstock: 1
name: limits
jobs:
  hangs: {worker: crash, timeout: 0.3 s, retries: 1, with: {how: hang}}
  sleeps: {worker: command, timeout: 0.3 s, retries: 1, with: {shell: "sleep 600 & sleep 600"}}
  eats: {worker: command, memory: 60 MiB, retries: 1, with: {shell: "head -c 200M /dev/zero | tail; sleep 600"}}
  fits: {worker: command, memory: 500 MiB, timeout: 1 min, with: {argv: ["true"]}}
"""
        with self.run_definition(definition, 3, "--slots", 2, "--retry-delay", "0.01 s", expect=1) as f:
            self.assertEqual(self.jobs(f), {"hangs": "failed", "sleeps": "failed", "eats": "failed", "fits": "succeeded"})
            attempts = self.attempts_of(f)
            self.assertEqual([a["reason"] for a in attempts["hangs"]], ["timeout"] * 2)
            self.assertEqual([a["reason"] for a in attempts["sleeps"]], ["timeout"] * 2)
            self.assertEqual([a["reason"] for a in attempts["eats"]], ["memory"] * 2)
            self.assertRegex(attempts["eats"][0]["error"], r"^out of memory: used .* of 60.0 MiB")
            self.assertGreater(attempts["eats"][0]["peak_memory"], 60 << 20)

    def test_a_store_that_fails_is_a_failed_attempt(self):
        definition = """
penstock: 1
name: stored
jobs:
  again: {worker: make, retries: 2}
  inline: {worker: make, retries: 2, isolation: inline}
  never: {worker: make, retries: 1, with: {bad: true}}
  below: {worker: make, retries: 1, after: never}
"""
        self.write("definition.yaml", definition)
        for ranks in (0, 3):
            store = self.path(f"store-{ranks}")
            os.mkdir(store)
            out = self.path(f"stored-{ranks}.h5")
            command = self.command(ranks, "run", "definition.yaml", "-o", out, "--store", "flaky:" + store,
                                   "--retry-delay", "0.01 s")
            command[command.index(PENSTOCK)] = os.environ["STORE_WORKERS"]
            done = subprocess.run(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.assertEqual(done.returncode, 1, done.stdout)
            with h5py.File(out, "r") as f:
                self.assertEqual(self.jobs(f), {"again": "succeeded", "inline": "succeeded", "never": "failed",
                                                "below": "skipped"})
                attempts = self.attempts_of(f)
                self.assertEqual([a["reason"] for a in attempts["again"]], ["store", "succeeded"])
                self.assertEqual([a["reason"] for a in attempts["never"]], ["store", "store"])
                self.assertIn("no place for bad things", attempts["never"][0]["error"])
            for name in ("again", "inline"):
                with open(os.path.join(store, name), encoding="utf-8") as f:
                    self.assertEqual(f.read(), "2\n")  # kept once, of the second attempt

    def test_fail_fast_waits_for_the_last_attempt(self):
        definition = """
penstock: 1
name: fast
jobs:
  flaky: {worker: fail, retries: 1, with: {attempts: 1}}
  after: {worker: noop, after: flaky}
"""
        with self.run_definition(definition, 3, "--fail-fast", "--retry-delay", 0) as f:
            self.assertEqual(self.jobs(f), {"flaky": "succeeded", "after": "succeeded"})

    def test_why(self):
        self.run_definition(FAILING, 0, "--slots", 2, "--retry-delay", "0.01 s", expect=1).close()
        out = self.path("out-0.h5")
        for run in (out, out + ".run"):
            said = self.penstock(None, "why", run, "never")
            self.assertRegex(said, r"p/never failed: none of its 3 attempts succeeded.\n  attempt 1: failed after ")
            self.assertEqual(said.count("no way"), 3)
            said = self.penstock(None, "why", run, "p/far-below")
            self.assertIn("p/far-below was skipped: it follows never, which failed.\n\np/never failed", said)
            self.assertIn("succeeded, though not at once", self.penstock(None, "why", run, "many[i=3]"))
            self.assertIn("p/many[i=3] succeeded", self.penstock(None, "why", run, "p/many#3"))
            said = self.penstock(None, "why", run, "nevr", expect=2)
            self.assertIn("did you mean", said)
            self.assertIn("never", said)
            self.assertIn("40 jobs of this run could be meant", self.penstock(None, "why", run, "many", expect=2))

    def test_why_of_a_run_that_goes_on(self):
        definition = """
penstock: 1
name: busy
jobs:
  first: {worker: sleep, priority: 1, with: {seconds: 600}, resources: {licence: 1}}
  second: {worker: sleep, with: {seconds: 600}, resources: {licence: 1}}
  last: {worker: noop, after: [first, second]}
"""
        self.write("definition.yaml", definition)
        run = subprocess.Popen(self.command(0, "run", "definition.yaml", "-o", "out.h5", "--resources", "licence=1"),
                               cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            said = ""
            while "not enough is left of `licence`" not in said:
                self.assertIsNone(run.poll(), "the run has ended by itself")
                said = subprocess.run(self.command(0, "why", "out.h5", "busy/second"), cwd=self.folder,
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
            self.assertIn("The run goes on (process", said)
            said = self.penstock(None, "why", "out.h5", "last")
            self.assertIn("It waits for 2 jobs that have not ended: first, second.", said)
        finally:
            run.kill()
            run.wait()
        self.assertIn("The run is over, or was interrupted", self.penstock(None, "why", "out.h5", "last"))


if __name__ == "__main__":
    unittest.main()
