#!/usr/bin/env bash
# scripts/gpu_check without a GPU: what it carries is complete, it compares, times and trains, and
# refuses what cannot work. usage: gpu_check_test.sh SOURCE PROGRAM
set -euo pipefail
source_dir=$1 program=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "FAILED: $1" >&2
  exit 1
}

"$source_dir/scripts/gpu_check" --program "$program" --bundle "$work/bundle" >"$work/carried"
grep -q 'holds what the machine needs' "$work/carried" || fail "the bundle was not announced"
ldd "$program" >"$work/libraries"
built_with=$(awk '/libtorch_cpu/ { print $3 }' "$work/libraries" | xargs dirname | xargs dirname)

# LibTorch at another place, which the program does not know of by itself
mkdir "$work/site"
for package in "$built_with" "$(dirname "$built_with")/nvidia"; do
  if [[ -e $package ]]; then ln -s "$package" "$work/site/"; fi
done
torch=$work/site/torch

# nothing of the build is needed: the libraries are those of the bundle
check() { (cd "$work" && env -i PATH="$PATH" HOME="$work" "$work/bundle/gpu_check" "$@"); }
check --device cpu --torch site/torch --updates 1 --iterations 1 >"$work/out" 2>"$work/err" ||
  fail "the check itself: $(cat "$work/err")"
grep -q '^meta-gradient .* ok$' "$work/out" || fail "no comparison: $(cat "$work/out")"
grep -q '^Meta-updates a second: [0-9.]* on the processor' "$work/out" || fail "no speed"
grep -qE '^cpu: [0-9.]+ s; return after one step -?[0-9.]+ in the first' "$work/out" ||
  fail "no training: $(cat "$work/out")"
LD_LIBRARY_PATH="$work/bundle/lib:$torch/lib" ldd "$work/bundle/fewstep" >"$work/libraries"
if grep -q "$(dirname "$built_with")/" "$work/libraries"; then
  fail "libraries of the build are used: $(cat "$work/libraries")"
fi
if [[ -n $(find /tmp -maxdepth 1 -name 'tmp.*' -newer "$work/bundle/fewstep" -user "$(id -u)" \
  -exec test -e '{}/runs/cpu' ';' -print) ]]; then fail "a temporary folder was left"; fi

# another version of LibTorch, and a machine without a GPU
if check --device cpu --torch "$work" 2>"$work/err"; then fail "accepted no LibTorch"; fi
grep -q 'remedy: .*--torch' "$work/err" || fail "no remedy: $(cat "$work/err")"
if ! command -v nvidia-smi >/dev/null; then
  if check --torch "$torch" --updates 1 2>"$work/err"; then fail "found a GPU"; fi
  grep -q 'no usable GPU' "$work/err" || fail "another error: $(cat "$work/err")"
fi
echo "the check of GPUs carries what it needs"
