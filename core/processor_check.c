// Linked into every program: a processor that lacks an instruction set for which the program was
// compiled gets one line instead of an illegal instruction.
//
// It must run before any such instruction and hold none. So it is compiled for plain x86-64; it is
// C, because an inline function of a C++ library that is compiled here as well as elsewhere is
// linked once, from anywhere; and it is called from .preinit_array, because constructors of the
// libraries that the program loads run before its own, and those of MuJoCo use AVX.
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)

static void Write(const char* text) {
  // nothing is left to do when stderr is closed
  if (write(STDERR_FILENO, text, strlen(text)) < 0) return;
}

static void Refuse(const char* feature) {
  Write("error: this processor lacks ");
  Write(feature);
  Write(", which this program needs\nremedy: use a processor that has it, or compile fewstep on ");
  Write("this one with cmake -DFEWSTEP_ARCH=native (MuJoCo needs AVX even then)\n");
  _exit(1);
}

static void CheckProcessor(void) {
  __builtin_cpu_init();
// FEWSTEP_NEEDS is NEED(avx2, "AVX2") NEED(fma, "FMA") ..., from cmake/FewstepProcessor.cmake
#define NEED(feature, name) \
  if (!__builtin_cpu_supports(#feature)) Refuse(name);
  FEWSTEP_NEEDS
#undef NEED
}

static void (*const kCheck)(void) __attribute__((section(".preinit_array"), used)) = CheckProcessor;

#endif
