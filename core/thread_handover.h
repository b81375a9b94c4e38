// Tells the thread sanitizer about synchronisation that it cannot see: a library that is not
// instrumented runs our function on its threads. Nothing is done in other builds.
#pragma once

#if defined(__SANITIZE_THREAD__)
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#endif

namespace fewstep {

// One call that starts work on other threads and returns when all of it is done. Separate marks for
// the two directions, so that races between the workers stay visible.
class ThreadHandover {
 public:
  void BeforeCall() { Release(&start_); }    // the caller, before it hands over
  void WorkerBegins() { Acquire(&start_); }  // each worker
  void WorkerEnds() { Release(&done_); }     // each worker
  void AfterCall() { Acquire(&done_); }      // the caller, when it has everything back

 private:
#if defined(__SANITIZE_THREAD__)
  static void Acquire(char* mark) { __tsan_acquire(mark); }
  static void Release(char* mark) { __tsan_release(mark); }
#else
  static void Acquire(char*) {}
  static void Release(char*) {}
#endif
  char start_ = 0, done_ = 0;
};

}  // namespace fewstep
