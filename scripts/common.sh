# Sourced by the other scripts: where things are, and what mpirun wants on this machine.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '== %s\n' "$*"; }

# Open MPI refuses to run as root unless told twice; more ranks than cores want --oversubscribe.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
mpirun_here() { mpirun --oversubscribe "$@" </dev/null; }

# How many compilers at once: one a core, and about 1 GB of memory each.
parallel_jobs() {
  local cores memory_gb
  cores=$(nproc)
  memory_gb=$(awk '/MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)
  if [ "$memory_gb" -lt 1 ]; then memory_gb=1; fi
  if [ "$memory_gb" -lt "$cores" ]; then echo "$memory_gb"; else echo "$cores"; fi
}
