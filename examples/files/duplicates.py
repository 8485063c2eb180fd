"""Reads a JSON list of the lines that sha256sum printed, and prints which files have the same content."""

import collections
import json
import sys

files = collections.defaultdict(list)
for line in json.load(sys.stdin):
    checksum, path = line.rstrip("\n").split(" *", 1)
    files[checksum].append(path)

json.dump(
    {
        "files": sum(len(same) for same in files.values()),
        "distinct": len(files),
        "duplicates": sorted(sorted(same) for same in files.values() if len(same) > 1),
    },
    sys.stdout,
)
