"""A detector: a line of JSON in, a line of JSON out, and slow."""
import json
import sys
import time

seconds = float(sys.argv[1])
for line in sys.stdin:
    frame = json.loads(line)
    time.sleep(seconds)  # what a real one would compute
    print(json.dumps({"of": frame["frame"], "bright": frame["brightness"] > 50}), flush=True)
