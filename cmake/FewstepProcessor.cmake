# What the processor must have for the code that FEWSTEP_ARCH and the compiler flags ask for, checked
# at the start of every program by core/processor_check.c.

# Predefined macro of the compiler, name for __builtin_cpu_supports, name for people; in the order in
# which they are reported.
set(features
  __AVX2__ avx2 AVX2
  __FMA__ fma FMA
  __BMI__ bmi BMI
  __BMI2__ bmi2 BMI2
  __AVX512F__ avx512f AVX-512F
  __AVX512BW__ avx512bw AVX-512BW
  __AVX512DQ__ avx512dq AVX-512DQ
  __AVX512VL__ avx512vl AVX-512VL
  __AVX512CD__ avx512cd AVX-512CD
  __AVX512IFMA__ avx512ifma AVX-512IFMA
  __AVX512VBMI__ avx512vbmi AVX-512VBMI
  __AVX512VBMI2__ avx512vbmi2 AVX-512VBMI2
  __AVX512VNNI__ avx512vnni AVX-512VNNI
  __AVX512BITALG__ avx512bitalg AVX-512BITALG
  __AVX512VPOPCNTDQ__ avx512vpopcntdq AVX-512VPOPCNTDQ)

separate_arguments(flags NATIVE_COMMAND "${CMAKE_CXX_FLAGS}")
if(FEWSTEP_ARCH)
  list(APPEND flags -march=${FEWSTEP_ARCH})
endif()
execute_process(COMMAND "${CMAKE_CXX_COMPILER}" ${flags} -dM -E -x c++ /dev/null
                OUTPUT_VARIABLE macros ERROR_VARIABLE error RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "The compiler refuses FEWSTEP_ARCH=${FEWSTEP_ARCH}:\n${error}"
                      "Set it to a value of -march that the compiler knows, such as x86-64-v3.")
endif()
set(FEWSTEP_NEEDS "")
while(features)
  list(POP_FRONT features macro feature name)
  if(macros MATCHES "#define ${macro} ")
    string(APPEND FEWSTEP_NEEDS "NEED(${feature}, \"${name}\") ")
  endif()
endwhile()
# the library, whatever this was compiled for
string(APPEND FEWSTEP_NEEDS "NEED(avx, \"AVX\")")

add_library(fewstep_processor_check OBJECT core/processor_check.c)
target_compile_definitions(fewstep_processor_check PRIVATE "FEWSTEP_NEEDS=${FEWSTEP_NEEDS}")
target_compile_options(fewstep_processor_check PRIVATE -O2 -Wall -Wextra -march=x86-64)
