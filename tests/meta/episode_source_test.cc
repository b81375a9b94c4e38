// Episodes of rows to regress: whole rows, of one task of the split, none twice.
#include "meta/fewshot/episode_source.h"

#include <set>

#include <gmock/gmock.h>

#include "core/error.h"

namespace fewstep {
namespace {

constexpr int kTasks = 6, kRows = 9;

// Row i of task t is (t, i) and is to give (10 t + i, -i).
std::unique_ptr<EpisodeSource> Rows(Rotations rotations = Rotations::kNone) {
  auto set = std::make_unique<ExampleSet>(ExampleShape{.picture = false, .width = 4}, 1, 0);
  for (int t = 0; t < kTasks; ++t) {
    set->BeginClass(fmt::format("task {}", t));
    for (int i = 0; i < kRows; ++i) {
      const auto task = static_cast<float>(t), row = static_cast<float>(i);
      set->AddVector(std::vector{task, row, 10 * task + row, -row});
    }
  }
  set->SetTargets(2);
  set->SetSplit(DataSplit::kTrain, {0, 1, 2, 3}, "rows");
  set->SetSplit(DataSplit::kTest, {4, 5}, "rows");
  return MakeExampleSource(std::move(set), rotations);
}

EpisodeOptions Size(int64_t shots, int64_t queries) {
  EpisodeOptions options;
  options.shots = shots;
  options.queries = queries;
  return options;
}

TEST(RowSource, GivesRowsOfOneTaskOfTheSplit) {
  const auto source = Rows();
  EXPECT_FALSE(source->form().classification);
  EXPECT_EQ(source->form().outputs, 2);
  EXPECT_EQ(source->form().example.width, 2);
  std::set<int> tasks;
  for (const DataSplit split : {DataSplit::kTrain, DataSplit::kTest}) {
    const EpisodeBatch batch = source->Draw(split, 7, 0, 40, Size(4, 5));
    const torch::Tensor x = torch::cat({batch.support_x, batch.query_x}, 1),
                        y = torch::cat({batch.support_y, batch.query_y}, 1);
    EXPECT_TRUE(torch::equal(y.select(2, 0), 10 * x.select(2, 0) + x.select(2, 1)));
    EXPECT_TRUE(torch::equal(y.select(2, 1), -x.select(2, 1)));
    for (int64_t episode = 0; episode < 40; ++episode) {
      const torch::Tensor task = x[episode].select(1, 0);
      const int of = task[0].item<int>();
      EXPECT_TRUE(torch::equal(task, task[0].expand_as(task)));
      EXPECT_EQ(of >= 4, split == DataSplit::kTest);
      tasks.insert(of);
      // nine rows, each once
      EXPECT_TRUE(torch::equal(std::get<0>(x[episode].select(1, 1).sort()),
                               torch::arange(kRows, torch::kFloat32)));
      const auto index = static_cast<uint64_t>(episode);
      EXPECT_EQ(source->Truth(split, 7, index, Size(4, 5), {}).classes,
                std::vector{fmt::format("task {}", of)});
      // alone, it is the same
      EXPECT_TRUE(torch::equal(source->Draw(split, 7, index, 1, Size(4, 5)).query_x[0],
                               batch.query_x[episode]));
    }
  }
  EXPECT_EQ(tasks.size(), static_cast<size_t>(kTasks));
}

TEST(RowSource, RefusesWhatRowsAreNot) {
  const auto error = [](const auto& call) -> std::string {
    try {
      call();
    } catch (const Error& e) {
      return e.what();
    }
    return "none";
  };
  const auto source = Rows();
  EXPECT_THAT(error([&] { source->Check(DataSplit::kTest, Size(5, 5)); }),
              testing::HasSubstr("5 shots and 5 queries are 10 examples"));
  EXPECT_THAT(error([&] { source->Check(DataSplit::kValidation, Size(1, 1)); }),
              testing::HasSubstr("validation has 0 classes"));
  EpisodeOptions variable = Size(1, 1);
  variable.size = EpisodeSize::kVariable;
  EXPECT_THAT(error([&] { source->Check(DataSplit::kTest, variable); }),
              testing::HasSubstr("what is regressed has no classes"));
  EXPECT_THAT(error([&] { Rows(Rotations::kClasses); }), testing::HasSubstr("cannot be turned"));
}

}  // namespace
}  // namespace fewstep
