#include "core/worker_pool.h"

#include <stdexcept>

#include <gtest/gtest.h>

namespace fewstep {
namespace {

TEST(WorkerPool, EveryItemRunsOnceInEveryRun) {
  for (const int threads : {1, 2, 5}) {
    WorkerPool pool(threads);
    for (int round = 0; round < 50; ++round) {
      std::vector<std::atomic<int>> runs(97);
      pool.Run(97, [&](int item, int worker) {
        ASSERT_LT(worker, threads);
        runs[static_cast<size_t>(item)].fetch_add(1);
      });
      for (const auto& count : runs) ASSERT_EQ(count.load(), 1);
    }
  }
}

TEST(WorkerPool, TheLowestItemsExceptionIsRethrownAndThePoolLivesOn) {
  WorkerPool pool(3);
  try {
    pool.Run(20, [](int item, int) {
      if (item == 7 || item == 13) throw std::runtime_error(std::to_string(item));
    });
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "7");
  }
  std::atomic<int> sum = 0;
  pool.Run(10, [&](int item, int) { sum += item; });
  EXPECT_EQ(sum.load(), 45);
}

}  // namespace
}  // namespace fewstep
