#!/usr/bin/env bash
# scripts/check_arrows must accept this repository, and refuse each wrong line planted in a copy of
# the rooms' layout. usage: check_arrows_test.sh SOURCE_DIR SCRATCH_DIR
set -euo pipefail
check="$1/scripts/check_arrows" scratch="$2/check_arrows"

"$check"

# expect STATUS FILE LINE
expect() {
  rm -rf "$scratch"
  mkdir -p "$scratch/${2%/*}"
  echo "$3" >"$scratch/$2"
  local status=0
  "$check" "$scratch" 2>/dev/null || status=$?
  if [[ $status != "$1" ]]; then
    echo "exit status $status instead of $1 for '$3' in $2"
    exit 1
  fi
}

expect 0 core/a.h '#include "core/b.h"'
expect 1 core/a.h '#include "envs/b.h"'
expect 1 core/a.cc '#include <torch/types.h>'
expect 0 envs/a.cc '#include "core/b.h"'
expect 1 envs/a.cc '#include "agents/b.h"'
expect 1 envs/deep/a.cc '#  include <ATen/ATen.h>'
expect 0 agents/a.h '#include "envs/b.h"'
expect 1 agents/a.h '#include "meta/b.h"'
expect 0 agents/a.h '#include <torch/types.h>'
expect 0 meta/fewshot/a.cc '#include "agents/b.h"'
expect 1 meta/fewshot/a.cc '#include "experiments/b.h"'
expect 1 viewer/a.cc '#include "agents/b.h"'
expect 1 viewer/a.cc '#include <c10/util/Half.h>'
expect 0 experiments/a.cc '#include "viewer/b.h"'
expect 1 agents/a.cc 'torch::save(x, "file");'
expect 1 tests/meta/a.cc '  torch::load (x, "file");'
rm -rf "$scratch"
