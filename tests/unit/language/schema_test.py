"""The published JSON Schema against the examples of the parser: it accepts every good one and refuses every bad one that
is bad by its form. usage: schema_test.py SCHEMA EXAMPLES DEFINITION_TO_JSON"""
import json
import pathlib
import subprocess
import sys

import jsonschema


def documents(program, file):
    """The documents of a file, or None when JSON cannot say them."""
    done = subprocess.run([program, str(file)], capture_output=True, text=True)
    if done.returncode == 3:
        return None
    if done.returncode != 0:
        raise SystemExit(f"{file}: cannot be read: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def main():
    schema_file, examples, program = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    schema = json.loads(pathlib.Path(schema_file).read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    counts = {"good": 0, "bad": 0}
    failures, skipped = [], []
    for folder in counts:
        for file in sorted((examples / folder).iterdir()):
            if file.suffix not in (".yaml", ".json"):
                continue
            read = documents(program, file)
            if read is None:
                skipped.append(file.name)
                continue
            counts[folder] += 1
            # Of several definitions each must be good, or bad.
            for number, document in enumerate(read):
                accepted = validator.is_valid(document)
                if accepted != (folder == "good"):
                    error = "" if accepted else jsonschema.exceptions.best_match(validator.iter_errors(document)).message
                    failures.append(f"{folder}/{file.name}, document {number}: {'accepted' if accepted else error}")
    print(f"{counts['good']} good and {counts['bad']} bad files; JSON cannot say: {', '.join(skipped) or 'none'}")
    for failure in failures:
        print("WRONG:", failure)
    # Moving all examples away must not pass for success; one file of each folder uses lists as keys.
    return 1 if failures or counts["good"] < 15 or counts["bad"] < 10 or len(skipped) > 2 else 0


sys.exit(main())
