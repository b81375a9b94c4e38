#!/usr/bin/env bash
# The check of the processor holds no instruction that it checks for, and a processor without AVX2
# gets a line with a remedy from every program. usage: processor_check_test.sh code OBJECT LIBRARY, or
# processor_check_test.sh refusal PROGRAM...
set -euo pipefail

fail() {
  echo "$*"
  exit 1
}

# vex FILE: how many instructions are encoded as those of AVX, AVX-512 and BMI are, by their first
# byte. Some of BMI have no other sign.
vex() {
  objdump --disassemble --wide "$1" | grep -cP '^ *[0-9a-f]+:\t(62|c4|c5) ' || true
}

case $1 in
  code)
    [[ $(vex "$2") == 0 ]] || fail "$2 has instructions that not every x86-64 processor has"
    objdump --disassemble --reloc "$2" | grep __cpu_model >/dev/null || fail "$2 checks nothing"
    # the room beside it, compiled for FEWSTEP_ARCH, has them: they would have been found
    (($(vex "$3") > 100)) || fail "no such instruction was found in $3 either"
    ;;
  refusal)
    qemu=$(command -v qemu-x86_64) || {
      echo "skipped: there is no qemu-x86_64 (scripts/setup --check installs it)"
      exit 77
    }
    shift
    for program in "$@"; do
      # Nehalem has no AVX, SandyBridge no AVX2
      for processor in Nehalem SandyBridge; do
        status=0
        said=$("$qemu" -cpu $processor "$program" --version 2>&1) || status=$?
        echo "$program on $processor: exit $status, $said"
        [[ $status == 1 ]] || fail "exit status $status instead of 1"
        [[ $said == *"error: this processor lacks AVX2, "*"remedy: "* ]] || fail "another message"
      done
    done
    ;;
esac
