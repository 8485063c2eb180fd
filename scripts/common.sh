# Sourced by the other scripts: where things are, and what mpirun wants on this machine.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# What one checkout has compiled, ccache gives to every other one on this machine.
export CCACHE_BASEDIR=$top CCACHE_NOHASHDIR=1

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

# The folder of the HTML manual. Machines that leave documentation out when they install packages (containers do) get
# it unpacked under build/.
manual_folder() {
  local installed=/usr/share/doc/libfftw3-dev/html unpacked=$top/build/manual
  if [ -f "$installed/index.html" ]; then
    echo "$installed"
    return
  fi
  if [ ! -f "$unpacked$installed/index.html" ]; then
    mkdir -p "$unpacked"
    (cd "$unpacked" && apt-get download -q libfftw3-doc && dpkg-deb -x libfftw3-doc_*.deb .) >"$unpacked/log" 2>&1 ||
      { cat "$unpacked/log" >&2; return 1; }
  fi
  echo "$unpacked$installed"
}
