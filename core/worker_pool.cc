#include "core/worker_pool.h"

#include <system_error>

#include "core/error.h"

namespace fewstep {

WorkerPool::WorkerPool(int num_threads, std::function<void()> on_thread_start) {
  FEWSTEP_CHECK(num_threads >= 1, "num_threads = {}", num_threads);
  try {
    for (int worker = 1; worker < num_threads; ++worker) {
      threads_.emplace_back([this, worker, on_thread_start] {
        if (on_thread_start) on_thread_start();
        Serve(worker);
      });
    }
  } catch (const std::system_error& error) {
    Stop();
    throw Error(ErrorKind::kRuntime,
                fmt::format("the system gives {} threads, not {}: {}", threads_.size() + 1,
                            num_threads, error.code().message()),
                {.remedy = "Use fewer threads (run.threads), or raise the limit (ulimit -u)"});
  }
}

WorkerPool::~WorkerPool() { Stop(); }

void WorkerPool::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  start_.notify_all();
}

void WorkerPool::Serve(int worker) {
  uint64_t seen = 0;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return stop_ || generation_ != seen; });
      if (stop_) return;
      seen = generation_;
    }
    Work(worker);
    const std::lock_guard lock(mutex_);
    if (--busy_ == 0) done_.notify_one();
  }
}

void WorkerPool::Work(int worker) {
  for (;;) {
    const int item = next_item_.fetch_add(1, std::memory_order_relaxed);
    if (item >= num_items_) return;
    try {
      (*body_)(item, worker);
    } catch (...) {
      errors_[static_cast<size_t>(item)] = std::current_exception();
    }
  }
}

void WorkerPool::Run(int num_items, const std::function<void(int, int)>& body) {
  if (num_items <= 0) return;
  {
    const std::lock_guard lock(mutex_);
    FEWSTEP_CHECK(busy_ == 0, "Run is not reentrant");
    body_ = &body;
    num_items_ = num_items;
    errors_.assign(static_cast<size_t>(num_items), nullptr);
    next_item_.store(0, std::memory_order_relaxed);
    busy_ = static_cast<int>(threads_.size());
    ++generation_;
  }
  start_.notify_all();
  Work(0);
  {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return busy_ == 0; });
  }
  for (const std::exception_ptr& error : errors_) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace fewstep
