#!/usr/bin/env bash
# The installed package: plug-ins are built out of the tree with it, the examples and what `fewstep
# new` writes, by a user who has nothing but the installation, and they pass `fewstep check`.
# usage: plugin_package_test.sh SOURCE_DIR BUILD_DIR SCRATCH_DIR
set -euo pipefail

source_dir=$1 build_dir=$2 scratch=$3
rm -rf "$scratch"
mkdir -p "$scratch/user"
cmake --install "$build_dir" --prefix "$scratch/installed" >/dev/null
export PATH="$scratch/installed/bin:$PATH"
export CMAKE_PREFIX_PATH="$scratch/installed"
cd "$scratch/user"

build_and_check() {
  cmake -S "$1" -B "$1/build" >"$1.log" 2>&1 || { cat "$1.log"; exit 1; }
  cmake --build "$1/build" >>"$1.log" 2>&1 || { cat "$1.log"; exit 1; }
  if grep -i 'warning:' "$1.log"; then
    echo "$1 is built with warnings"
    exit 1
  fi
  fewstep check "$2"
}

for example in cart_c:cart bandit_cpp:bandit; do
  cp -r "$source_dir/examples/plugins/${example%:*}" .
  build_and_check "${example%:*}" "${example%:*}/build/${example#*:}.so"
done
fewstep new family my-cart --from c
build_and_check my-cart my-cart/build/my-cart.so
fewstep new family my-bandit@us --from cpp
build_and_check my-bandit my-bandit/build/my-bandit.so
fewstep new family my-arm
fewstep check my-arm
if fewstep new family my-arm 2>/dev/null; then
  echo "a folder that was there was written over"
  exit 1
fi

# an agent is trained on what was written
fewstep train my-arm/recipe.toml --plugin my-arm --quiet --set run.iterations=2 \
  --set run.evaluation_tasks=2 >/dev/null
fewstep train my-cart/recipe.toml --plugin my-cart/build/my-cart.so --quiet \
  --set run.iterations=2 --set run.evaluation_tasks=2 >/dev/null
# what plug-ins look like, where there is something to draw with
if fewstep record --help >/dev/null 2>&1 && compgen -G '/usr/lib/*/dri/swrast_dri.so' >/dev/null; then
  fewstep record cart-speed@example --plugin cart_c/build/cart.so --seconds 0.2 --quiet \
    --picture cart.png
  fewstep record restless-bandit@example --plugin bandit_cpp/build/bandit.so --seconds 0.2 --quiet \
    --picture bandit.png
fi
for example in arm-reach hover-dynamics puck-push; do
  fewstep check "$source_dir/examples/families/$example"
done
