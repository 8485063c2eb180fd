#!/bin/bash
# Penstock on Flux:  flux batch -N 4 --exclusive -t 1h jobs/flux.sh sweep.yaml sweep.h5
#
# Submitted again, it goes on where the last one stopped. It ends when the run does, with its exit code: 75 means that
# there is more to do.
#
# The time is said twice, here and to flux batch: nothing starts that would not end in time.
#
# Rank 0 is the router, rank 1 the pipeliner, then comes one broker a node, which runs a job on each of its CPUs.
set -euo pipefail
definition=${1:?the definition file} results=${2:?the results file, on a file system that all nodes share}

hosts=$(flux hostlist --expand --delimiter=, local)
nodes=$(tr , "\n" <<<"$hosts" | wc -l)

exec penstock launch "$results" \
  mpirun --enable-recovery --oversubscribe --bind-to none --map-by node --host "$hosts" -n $((nodes + 2)) \
  penstock run "$definition" -o "$results" --resume --walltime 1h
