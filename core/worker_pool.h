// A fixed set of threads that run numbered items. Items are handed out by one counter, so which
// thread runs which item is not determined; what an item computes must depend on its number alone.
#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace fewstep {

class WorkerPool {
 public:
  // `num_threads` >= 1 counts the caller's. `on_thread_start` runs once on every other thread.
  // Throws Error(kRuntime) when the system gives fewer threads.
  explicit WorkerPool(int num_threads, std::function<void()> on_thread_start = {});
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  int num_threads() const { return static_cast<int>(threads_.size()) + 1; }

  // Runs body(item, worker) for items 0 .. num_items-1 on all threads and returns when all are
  // done; worker is in [0, num_threads), and 0 on the caller's thread. When bodies throw, the
  // exception of the lowest item is rethrown after all have ended. One Run at a time.
  void Run(int num_items, const std::function<void(int item, int worker)>& body);

 private:
  void Serve(int worker);
  void Work(int worker);
  void Stop();

  std::mutex mutex_;
  std::condition_variable start_, done_;
  uint64_t generation_ = 0;  // guarded by mutex_
  int busy_ = 0;             // guarded by mutex_
  bool stop_ = false;        // guarded by mutex_
  const std::function<void(int, int)>* body_ = nullptr;
  int num_items_ = 0;
  std::atomic<int> next_item_{0};
  std::vector<std::exception_ptr> errors_;  // [num_items]
  std::vector<std::jthread> threads_;
};

}  // namespace fewstep
