"""What is in a results file, for comparing runs: all that does not depend on who ran a job, and when."""
import h5py
import numpy as np

JOB_COLUMNS = ["pipeline", "name", "instance", "worker", "status", "error", "hash", "@number", "@final", "@removed"]


def plain(value):
    """Arrays within arrays as lists, so that == compares all of it."""
    if isinstance(value, np.ndarray):
        return (str(value.dtype), value.shape, [plain(v) for v in value.ravel()] if value.dtype == object else value.tolist())
    return value


def content(path):
    """Jobs, pipelines, every value and every item, in their order; not attempts, times, ranks or slots."""
    with h5py.File(path, "r") as f:
        found = {f"jobs/{c}": plain(f["jobs"][c][:]) for c in JOB_COLUMNS}
        templates = list(zip(*(f["@templates"][c].asstr()[:] for c in ("name", "worker", "parameters"))))
        found["templates of jobs"] = [templates[row] for row in f["jobs/@template"][:]]  # their own order is free
        for column in ("name", "instance", "data", "status"):
            found[f"pipelines/{column}"] = plain(f["pipelines"][column][:])

        def visit(name, place):
            if isinstance(place, h5py.Dataset) and "@runs" not in name and "@stages" not in name:
                found[place.name] = plain(place[:])

        for group in ("results", "streams"):
            if group in f:
                f[group].visititems(visit)
        return found


def labels(jobs):
    names = [f"{name}[{instance}]" if instance else name
             for name, instance in zip(jobs["name"].asstr()[:], jobs["instance"].asstr()[:])]
    assert len(names) == len(set(names)), "two rows for one job"
    return names


def durable_jobs(path):
    """{job: (attempts, attempt, started, finished)} of jobs that succeeded; of a stream only when all of it has ended."""
    with h5py.File(path, "r") as f:
        jobs = f["jobs"]
        streams = set(f["streams"]) if "streams" in f else set()
        names, statuses = f["pipelines/name"].asstr()[:], f["pipelines/status"].asstr()[:]
        counts = [name not in streams or status == "succeeded" for name, status in zip(names, statuses)]
        columns = [jobs[c][:].tolist() for c in ("attempts", "@attempt", "started", "finished")]
        return {label: row for label, status, pipeline, *row in
                zip(labels(jobs), jobs["status"].asstr()[:], jobs["pipeline"][:], *columns)
                if status == "succeeded" and counts[pipeline]}


def repeated_attempts(path):
    """Attempts that have two rows, as (job, number)."""
    with h5py.File(path, "r") as f:
        attempts = list(zip(f["attempts/job"][:].tolist(), f["attempts/number"][:].tolist()))
        return sorted({attempt for attempt in attempts if attempts.count(attempt) > 1}) if len(attempts) > len(set(attempts)) else []


def differences(one, other):
    """The parts of two contents that are not the same, in short."""
    return [f"{part}: {str(one.get(part, 'nothing'))[:300]} / {str(other.get(part, 'nothing'))[:300]}"
            for part in sorted({*one, *other}) if one.get(part) != other.get(part)]
