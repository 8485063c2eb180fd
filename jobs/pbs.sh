#!/bin/bash
# Penstock on PBS Professional or OpenPBS:  qsub -v DEFINITION=sweep.yaml,RESULTS=sweep.h5 jobs/pbs.sh
#
# Submitted again, it goes on where the last one stopped. It ends when the run does, with its exit code: 75 means that
# there is more to do.
#
# The time is said twice, to the scheduler and in the last line: nothing starts that would not end in time.
#
# Rank 0 is the router, rank 1 the pipeliner, then comes one broker a node, which runs a job on each of its CPUs.
#PBS -N penstock
#PBS -l select=4:ncpus=32:mpiprocs=2
#PBS -l place=scatter:excl
#PBS -l walltime=01:00:00
set -euo pipefail
cd "$PBS_O_WORKDIR"
definition=${DEFINITION:?qsub -v DEFINITION=...} results=${RESULTS:?qsub -v RESULTS=...}
nodes=$(sort -u "$PBS_NODEFILE" | wc -l)

exec penstock launch "$results" \
  mpirun --enable-recovery --oversubscribe --bind-to none --map-by node -n $((nodes + 2)) \
  penstock run "$definition" -o "$results" --resume --walltime 1h
