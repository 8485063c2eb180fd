"""A camera: a frame is a line of JSON, one every so many seconds."""
import json
import sys
import time

frames, seconds = int(sys.argv[1]), float(sys.argv[2])
for number in range(frames):
    print(json.dumps({"frame": number, "brightness": (number * 37) % 100}), flush=True)
    time.sleep(seconds)
