# shellcheck shell=bash
# What the scripts share. Source it first: it moves to the repository root.

set -euo pipefail
deps_dir=${FEWSTEP_DEPS_DIR:+$(realpath -m "$FEWSTEP_DEPS_DIR")}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
deps_dir=${deps_dir:-$PWD/.deps}

# ccache needs a folder it may write to
if [[ ! -w ${HOME:-/nonexistent} ]]; then export CCACHE_DIR="${CCACHE_DIR:-$PWD/build/ccache}"; fi

say() { printf '== %s\n' "$*"; }

# die MESSAGE REMEDY: every failure that the user can mend ends here.
die() {
  printf 'error: %s\nremedy: %s\n' "$1" "$2" >&2
  exit 1
}

# need_disk FOLDER MEGABYTES PURPOSE
need_disk() {
  local free
  free=$(($(df -Pk "$1" | awk 'NR == 2 { print $4 }') / 1024))
  if ((free < $2)); then
    die "$3 needs $2 MB, and $1 has $free MB free." \
      "Free $(($2 - free)) MB there, or set FEWSTEP_DEPS_DIR to a folder on a larger disk."
  fi
}

# build PRESET TARGET [CMAKE ARGUMENT...]: configures and compiles a target (all: everything), both
# instantaneous when up to date.
build() {
  local preset=$1 target=$2 jobs memory
  shift 2
  mkdir -p "build/$preset"
  if [[ ! -e build/$preset/build.ninja ]]; then
    need_disk "build/$preset" 2000 "A build"
  fi

  # a file that uses LibTorch takes up to 1.5 GB to compile
  memory=$(awk '/^MemAvailable/ { print int($2 / 1500000) }' /proc/meminfo)
  jobs=$(nproc)
  if ((memory < jobs)); then jobs=$((memory > 0 ? memory : 1)); fi

  say "Configuring build/$preset"
  cmake --preset "$preset" -DFEWSTEP_DEPS_DIR="$deps_dir" "$@" >"build/$preset/configure.log" 2>&1 || {
    cat "build/$preset/configure.log" >&2
    die "Configuring build/$preset failed." \
      "Read the first error above; if the tree is from an older checkout, delete build/$preset."
  }
  say "Compiling build/$preset with $jobs jobs (the first time takes minutes)"
  cmake --build --preset "$preset" --target "$target" -j "$jobs" ||
    die "Compiling build/$preset failed." "Read the first error above; less parallel: -j 1."
}
