#include "experiments/cli.h"

int main(int argc, char** argv) { return fewstep::RunCommandLine(argc, argv); }
