#include "core/memory.h"
#include "experiments/cli.h"

int main(int argc, char** argv) {
  fewstep::KeepFreedMemory();
  return fewstep::RunCommandLine(argc, argv);
}
