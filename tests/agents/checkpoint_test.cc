// Scopes of a checkpoint: parts that are alike do not meet.
#include "agents/checkpoint.h"

#include "agents/optimizers/adam.h"
#include "core/error.h"
#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

TEST(Checkpoint, TwoAdamsLiveInOneAgent) {
  Adam policy(torch::zeros({1, 3}), 0.1), critic(torch::zeros({1, 5}), 0.1);
  policy.Step(torch::zeros({1, 3}), Normals({1, 3}, 1).to(torch::kFloat32));
  for (int i = 0; i < 4; ++i) critic.Step(torch::zeros({1, 5}), torch::full({1, 5}, 2.0f));
  TensorFile file;
  const CheckpointWriter writer(file);
  policy.Save(writer.Scope("adam"));
  critic.Save(writer.Scope("critic").Scope("adam"));
  EXPECT_NE(file.Find("adam.first"), nullptr);
  EXPECT_NE(file.Find("critic.adam.first"), nullptr);

  // read back from what the file's bytes hold
  const std::string bytes = Serialize(file);
  const TensorFile read = Parse(std::as_bytes(std::span(bytes)), "file");
  const CheckpointReader reader(read);
  const Adam first = Adam(torch::zeros({1, 3}), 0.1).Loaded(reader.Scope("adam"));
  const Adam second = Adam(torch::zeros({1, 5}), 0.1).Loaded(reader.Scope("critic").Scope("adam"));
  EXPECT_TRUE(SameBits(first.first(), policy.first()));
  EXPECT_TRUE(SameBits(second.second(), critic.second()));
  EXPECT_EQ(first.steps, 1);
  EXPECT_EQ(second.steps, 4);

  // the other's scope holds something of another shape, and no other scope anything
  EXPECT_THROW(Adam(torch::zeros({1, 5}), 0.1).Loaded(reader.Scope("adam")), Error);
  EXPECT_THROW(Adam(torch::zeros({1, 5}), 0.1).Loaded(reader.Scope("actor")), Error);
  EXPECT_THROW(policy.Loaded(reader), Error);
}

TEST(Checkpoint, TensorsAreLentAndComeBackInTheirTypes) {
  const torch::Tensor doubles = Normals({2, 3}, 2), integers = torch::arange(4);
  TensorFile file;
  const CheckpointWriter writer(file);
  writer.Store("doubles", doubles);
  writer.Store("part", doubles.slice(1, 0, 2));  // not contiguous: this one is copied
  writer.Scope("s").Store("integers", integers);
  EXPECT_EQ(static_cast<const void*>(file.At("doubles").bytes.data()), doubles.const_data_ptr());
  const CheckpointReader reader(file);
  EXPECT_TRUE(SameBits(reader.Load("doubles", torch::zeros({2, 3}, torch::kFloat64)), doubles));
  EXPECT_TRUE(SameBits(reader.Load("part", torch::zeros({2, 2}, torch::kFloat64)),
                       doubles.slice(1, 0, 2).contiguous()));
  EXPECT_TRUE(
      SameBits(reader.Scope("s").Load("integers", torch::zeros({4}, torch::kInt64)), integers));
  EXPECT_THROW(reader.Load("doubles", torch::zeros({2, 3})), Error);  // another type
}

}  // namespace
}  // namespace fewstep
