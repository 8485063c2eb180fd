#!/bin/bash
# Penstock on LSF:  DEFINITION=sweep.yaml RESULTS=sweep.h5 bsub -env all < jobs/lsf.sh
#
# Submitted again, it goes on where the last one stopped. It ends when the run does, with its exit code: 75 means that
# there is more to do.
#
# The time is said twice, to the scheduler and in the last line: nothing starts that would not end in time.
#
# Rank 0 is the router, rank 1 the pipeliner, then comes one broker a host, which runs a job on each of its CPUs.
#BSUB -J penstock
#BSUB -n 128
#BSUB -R "span[ptile=32]"
#BSUB -x
#BSUB -W 1:00
#BSUB -o penstock.%J.log
set -euo pipefail
definition=${DEFINITION:?set DEFINITION} results=${RESULTS:?set RESULTS}
hosts=$(tr ' ' '\n' <<<"$LSB_HOSTS" | sort -u | wc -l)

exec penstock launch "$results" \
  mpirun --enable-recovery --oversubscribe --bind-to none --map-by node -n $((hosts + 2)) \
  penstock run "$definition" -o "$results" --resume --walltime 1h
