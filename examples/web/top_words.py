#!/usr/bin/python3
"""The most frequent words of all pages, added up from the results of page.yaml.

Usage: top_words.py RESULTS.h5 [HOW_MANY]

Shows how to read results without Penstock: every key of a job is a dataset with one row for each job that succeeded; a
map is stored as JSON text.
"""

import collections
import json
import sys

import h5py


def count_words(results):
    total = collections.Counter()
    with h5py.File(results) as file:
        for counts in file["results/page/words/counts"].asstr()[:]:
            total.update(json.loads(counts))
    return total


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    total = count_words(sys.argv[1])
    how_many = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    for word, count in sorted(total.items(), key=lambda item: (-item[1], item[0]))[:how_many]:
        print(f"{count:8}  {word}")
    print(f"{sum(total.values()):8}  in all, {len(total)} different ones")


if __name__ == "__main__":
    main()
