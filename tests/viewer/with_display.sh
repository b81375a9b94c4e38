#!/usr/bin/env bash
# Runs a command on a virtual display with Mesa's software renderer; exit status 77 where there is
# none. usage: with_display.sh COMMAND [ARGUMENT...]
set -euo pipefail

skip() {
  echo "skipped: $1 (Debian's packages xvfb, xauth and libgl1-mesa-dri serve)"
  exit 77
}
for program in xvfb-run xauth; do
  command -v "$program" >/dev/null || skip "there is no $program"
done
compgen -G '/usr/lib/*/dri/swrast_dri.so' >/dev/null || skip "there is no software OpenGL"

# A server that resets itself when its last window closes refuses the next test for a moment.
export LIBGL_ALWAYS_SOFTWARE=1
exec xvfb-run --auto-servernum --server-args="-screen 0 1280x1024x24 -noreset" "$@"
