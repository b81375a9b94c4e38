// The encoder's step against autograd through the posterior, and what its options choose.
#include "meta/posterior/task_inference.h"

#include "core/error.h"
#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

constexpr int64_t kTasks = 3, kTransitions = 6;

Transitions RandomTransitions(const FamilySpec& spec, uint64_t seed) {
  const auto draw = [&](std::vector<int64_t> shape, uint64_t i) {
    return Normals(std::move(shape), 10 * seed + i).to(torch::kFloat32);
  };
  Transitions t;
  t.observations = draw({kTasks, kTransitions, spec.observation_size}, 0);
  t.actions = draw({kTasks, kTransitions, spec.action_size}, 1);
  t.rewards = draw({kTasks, kTransitions}, 2);
  t.dense_rewards = torch::full_like(t.rewards, 1e9f);  // contexts hold what is judged
  t.next_observations = draw({kTasks, kTransitions, spec.observation_size}, 3);
  t.terminated = torch::zeros({kTasks, kTransitions});
  return t;
}

struct Case {
  bool prior_factor, next_observation;
  EncoderOptions::KlOver over;
  EncoderOptions::LearnsFrom from;
  int64_t draws;
};

class TaskInferenceTest : public testing::TestWithParam<Case> {
 protected:
  EncoderOptions MakeOptions() const {
    EncoderOptions options;
    options.latent_size = 2;
    options.hidden = {7, 5};
    options.learning_rate = 0.01;
    options.kl_coefficient = 0.3;
    options.prior_factor = GetParam().prior_factor;
    options.next_observation = GetParam().next_observation;
    options.kl_over_tasks = GetParam().over;
    options.learns_from = GetParam().from;
    options.draws = GetParam().draws;
    return options;
  }
  const FamilySpec spec_ = SpecOf(3, 2, ActionKind::kContinuous);
};

TEST_P(TaskInferenceTest, LearnsByTheGradientOfItsLoss) {
  const EncoderOptions options = MakeOptions();
  const auto pool = MakePool(2);
  const torch::Tensor by_critics = Normals({kTasks, 2}, 5).to(torch::kFloat32);
  const torch::Tensor by_actor = Normals({kTasks, 2}, 6).to(torch::kFloat32);
  std::vector<torch::Tensor> rows;
  for (const int64_t num_shards : {1, 2}) {
    const Shards shards(kTasks, num_shards, *pool);
    TaskInference inference(spec_, options, Rng(1), torch::kCPU);
    const torch::Tensor contexts = inference.Contexts(RandomTransitions(spec_, 1));
    const Transitions t = RandomTransitions(spec_, 1);
    std::vector<torch::Tensor> parts = {t.observations, t.actions, t.rewards.unsqueeze(2)};
    if (options.next_observation) parts.push_back(t.next_observations);
    ASSERT_TRUE(torch::equal(contexts, torch::cat(parts, 2)));
    const TaskInference::Draw draw = inference.DrawLatents(contexts, Rng(2), shards);
    ASSERT_EQ(draw.actor_latents.defined(), options.draws == 2);

    // the loss, by autograd, and the first step of Adam
    const ContextEncoder encoder(contexts.size(2), options.hidden, 2);
    const torch::Tensor leaf = inference.row().flat.detach().clone().requires_grad_();
    const LatentPosterior q =
        encoder.Encode({leaf, encoder.layout()}, contexts, options.prior_factor);
    EXPECT_LT(Distance(q.Sample(draw.noise), draw.latents), 1e-6);
    torch::Tensor loss =
        options.kl_coefficient * (options.kl_over_tasks == EncoderOptions::KlOver::kSum
                                      ? q.KlToPrior().sum()
                                      : q.KlToPrior().mean());
    if (options.learns_from_critics()) loss = loss + (q.Sample(draw.noise) * by_critics).sum();
    if (options.learns_from_actor()) {
      const torch::Tensor& noise = options.draws == 2 ? draw.actor_noise : draw.noise;
      loss = loss + (q.Sample(noise) * by_actor).sum();
    }
    const torch::Tensor gradient = torch::autograd::grad({loss}, {leaf})[0];
    Adam adam(leaf, options.learning_rate);
    const torch::Tensor expected = adam.Step(leaf.detach(), gradient);

    const torch::Tensor kl = inference.Learn(draw, by_critics, by_actor, shards);
    EXPECT_NEAR(kl.item<double>(), q.KlToPrior().mean().item<double>(), 1e-4);
    EXPECT_LT(Distance(inference.row().flat, expected), 1e-4);
    TensorFile file;
    inference.Save(file);
    // moments tell the size of the gradient, which Adam's step does not
    const Adam learned = Adam(leaf, 0).Loaded(CheckpointReader(file).Scope("adam"));
    EXPECT_LT(RelativeDistance(learned.first(), adam.first()), 1e-4);
    rows.push_back(inference.row().flat);
  }
  EXPECT_LT(Distance(rows[0], rows[1]), 1e-5);
}

using Over = EncoderOptions::KlOver;
using From = EncoderOptions::LearnsFrom;
INSTANTIATE_TEST_SUITE_P(All, TaskInferenceTest,
                         testing::Values(Case{false, false, Over::kSum, From::kCritics, 1},
                                         Case{true, true, Over::kMean, From::kCritics, 2},
                                         Case{false, true, Over::kMean, From::kBoth, 2},
                                         Case{true, false, Over::kSum, From::kBoth, 1},
                                         Case{false, false, Over::kSum, From::kActor, 2}));

TEST(TaskInference, IsSavedAndGoesOnAlike) {
  const FamilySpec spec = SpecOf(3, 2, ActionKind::kContinuous);
  EncoderOptions options;
  options.hidden = {6};
  const auto pool = MakePool(1);
  const Shards shards(kTasks, 1, *pool);
  TaskInference a(spec, options, Rng(1), torch::kCPU), b(spec, options, Rng(2), torch::kCPU);
  const auto learn = [&](TaskInference& inference, uint64_t step) {
    const auto draw =
        inference.DrawLatents(inference.Contexts(RandomTransitions(spec, step)), Rng(step), shards);
    inference.Learn(draw, torch::ones_like(draw.latents), {}, shards);
  };
  learn(a, 1);
  TensorFile file;
  a.Save(file);
  b.Load(file);
  learn(a, 2);
  learn(b, 2);
  EXPECT_TRUE(SameBits(a.row().flat, b.row().flat));
}

TEST(TaskInference, AStepThatIsNotFiniteChangesNothing) {
  const FamilySpec spec = SpecOf(3, 2, ActionKind::kContinuous);
  EncoderOptions options;
  options.hidden = {6};
  const auto pool = MakePool(1);
  const Shards shards(kTasks, 1, *pool);
  TaskInference inference(spec, options, Rng(1), torch::kCPU);
  const auto draw =
      inference.DrawLatents(inference.Contexts(RandomTransitions(spec, 1)), Rng(1), shards);
  const torch::Tensor before = inference.row().flat.clone();
  EXPECT_THROW(inference.Learn(draw, draw.latents * std::nan(""), {}, shards), Error);
  EXPECT_TRUE(SameBits(inference.row().flat, before));
}

}  // namespace
}  // namespace fewstep
