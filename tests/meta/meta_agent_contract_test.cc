// The contract of a meta-learner, for every agent that is compiled in.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>

#include <gmock/gmock.h>

#include "tests/meta/agent_testing.h"

namespace fewstep {
namespace {

// Every field of an options struct, with what it allows.
class FieldList final : public FieldVisitor {
 public:
  struct Entry {
    std::string key;
    FieldInfo info;
    char type;                          // b, i, d, s, l, t
    std::string bad_type, other_value;  // TOML
  };

  void List(std::string_view key, OptionsList&) override { ADD_FAILURE() << key; }
  void Field(std::string_view key, std::vector<double>&, const FieldInfo&) override {
    ADD_FAILURE() << key;
  }
  void Field(std::string_view key, std::vector<std::string>&, const FieldInfo&) override {
    ADD_FAILURE() << key;
  }
  void Table(std::string_view key, Options& options) override {
    FieldList part;
    options.Visit(part);
    for (Entry& entry : part.entries) {
      entry.key = fmt::format("{}.{}", key, entry.key);
      entries.push_back(std::move(entry));
    }
  }
  void Field(std::string_view key, bool& value, const FieldInfo& info) override {
    Add(key, info, 'b', "3", value ? "false" : "true");
  }
  void Field(std::string_view key, int64_t& value, const FieldInfo& info) override {
    const double other =
        static_cast<double>(value) + (static_cast<double>(value) < info.max ? 1 : -1);
    Add(key, info, 'i', "\"many\"", fmt::format("{}", static_cast<int64_t>(other)));
  }
  void Field(std::string_view key, double& value, const FieldInfo& info) override {
    const double other = value * 0.75 + 0.1;
    Add(key, info, 'd', "\"much\"", fmt::format("{:.17g}", std::clamp(other, info.min, info.max)));
  }
  void Field(std::string_view key, std::string& value, const FieldInfo& info) override {
    std::string other = "other";
    for (const std::string& choice : info.choices) {
      if (choice != value) other = choice;
    }
    Add(key, info, 's', "3", fmt::format("\"{}\"", other));
  }
  void Field(std::string_view key, std::vector<int64_t>&, const FieldInfo& info) override {
    Add(key, info, 'l', "\"many\"", "[3, 5]");
  }
  void Field(std::string_view key, NumberTable&, const FieldInfo& info) override {
    Add(key, info, 't', "\"many\"", "[[3.5, 5.0]]");
  }

  std::vector<Entry> entries;

 private:
  void Add(std::string_view key, const FieldInfo& info, char type, std::string bad_type,
           std::string other_value) {
    // a number that TOML reads as a floating-point one
    if (type == 'd' && other_value.find_first_of(".e") == std::string::npos) other_value += ".0";
    entries.push_back({std::string(key), info, type, std::move(bad_type), std::move(other_value)});
  }
};

// Of every agent, trained or not.
class AgentOptionsContract : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Options> Defaults() const {
    return BuiltinAgents().Get(GetParam()).make_options();
  }
  std::vector<FieldList::Entry> Fields() const {
    FieldList list;
    Defaults()->Visit(list);
    return list.entries;
  }

  void ExpectRefused(const std::string& line) const {
    try {
      AgentOptions(GetParam(), line);
      ADD_FAILURE() << "accepted: " << line;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage) << error.what();
      EXPECT_EQ(error.context().line, 2) << error.what();
    }
  }
};

// Of those that are trained.
class MetaAgentContract : public AgentOptionsContract {
 protected:
  // Small sizes for the keys that the agent has.
  std::string Small() const {
    std::string settings;
    const std::pair<const char*, const char*> sizes[] = {{"meta_batch_size", "5"},
                                                         {"episodes", "3"},
                                                         {"hidden", "[8]"},
                                                         {"memory.size", "8"},
                                                         {"shards", "3"},
                                                         {"minibatches", "2"},
                                                         {"tasks", "4"},
                                                         {"initial_episodes", "2"},
                                                         {"collect_tasks", "2"},
                                                         {"posterior_episodes", "1"},
                                                         {"extra_episodes", "1"},
                                                         {"updates_per_collection", "2"},
                                                         {"updates_per_iteration", "2"},
                                                         {"batch_size", "6"},
                                                         {"replay_size", "30"},
                                                         {"context.transitions", "7"},
                                                         {"encoder.hidden", "[8]"}};
    for (const auto& [key, value] : sizes) {
      for (const FieldList::Entry& field : Fields()) {
        if (field.key == key) settings += fmt::format("{} = {}\n", key, value);
      }
    }
    return settings;
  }

  AgentBench Bench(int threads = 1, uint64_t init_seed = 1) const {
    return AgentBench(GetParam(), Small(), threads, init_seed);
  }

  // What a deployed agent has for each of `tasks` tasks: a row of parameters, and a memory where it
  // has one.
  static torch::Tensor StateOf(AdaptiveAgent& deployed, int64_t tasks) {
    const torch::Tensor rows = deployed.parameters().flat.expand({tasks, -1});
    if (deployed.trials() == nullptr) return rows.clone();
    return torch::cat({rows, deployed.trials()->memory}, 1);
  }

  std::vector<Task> FarTasks() const {
    return {{"point-nav@maml", {0.5, 0.5}},
            {"point-nav@maml", {-0.5, -0.5}},
            {"point-nav@maml", {0.5, -0.4}}};
  }
};

TEST_P(AgentOptionsContract, EveryOptionIsDescribedOnce) {
  EXPECT_FALSE(BuiltinAgents().Get(GetParam()).summary.empty());
  const auto options = Defaults();
  const std::vector<FieldDescription> descriptions = DescribeFields(*options);
  const std::vector<FieldList::Entry> fields = Fields();
  ASSERT_EQ(descriptions.size(), fields.size());
  std::set<std::string> keys;
  for (size_t i = 0; i < fields.size(); ++i) {
    EXPECT_EQ(descriptions[i].key, fields[i].key);
    EXPECT_FALSE(descriptions[i].help.empty()) << fields[i].key;
    EXPECT_TRUE(keys.insert(fields[i].key).second) << fields[i].key << " twice";
  }
}

TEST_P(AgentOptionsContract, OptionsAreWrittenAndReadBack) {
  const auto options = Defaults();
  const std::string defaults = WriteToml("agent", *options);
  const auto again = Defaults();
  Config::ParseText(defaults, "defaults").Read("agent", *again);
  EXPECT_EQ(WriteToml("agent", *again), defaults);

  // every field with another value than its own
  for (const FieldList::Entry& field : Fields()) {
    const auto changed = AgentOptions(GetParam(), field.key + " = " + field.other_value + "\n");
    const std::string written = WriteToml("agent", *changed);
    EXPECT_NE(written, defaults) << field.key;
    const auto read = Defaults();
    Config::ParseText(written, "changed").Read("agent", *read);
    EXPECT_EQ(WriteToml("agent", *read), written) << field.key;
  }
}

TEST_P(AgentOptionsContract, BadOptionsAreRefused) {
  ExpectRefused("no_such_key = 1\n");
  for (const FieldList::Entry& field : Fields()) {
    ExpectRefused(field.key + " = " + field.bad_type + "\n");
    if (!field.info.choices.empty()) ExpectRefused(field.key + " = \"no such choice\"\n");
    const auto number = [&](double value) {
      switch (field.type) {
        case 'i':
          return fmt::format("{}", static_cast<int64_t>(value));
        case 'l':
          return fmt::format("[{}]", static_cast<int64_t>(value));
        case 't':
          return fmt::format("[{:e}]", value);
        default:
          return fmt::format("{:e}", value);
      }
    };
    if (field.type == 's' || field.type == 'b') continue;
    if (std::isfinite(field.info.min)) {
      ExpectRefused(field.key + " = " + number(field.info.min - 1) + "\n");
    }
    if (std::isfinite(field.info.max)) {
      ExpectRefused(field.key + " = " + number(field.info.max * 2 + 1) + "\n");
    }
    if (field.type == 'd') ExpectRefused(field.key + " = nan\n");
  }
}

TEST_P(MetaAgentContract, TrainingMovesTheAgentAndReportsFiniteNumbers) {
  AgentBench bench = Bench();
  const TensorFile before = bench.Saved();
  const Metrics first = bench.Train(1), second = bench.Train(2);
  EXPECT_FALSE(before == bench.Saved());
  for (const auto& [name, value] : first.entries()) EXPECT_TRUE(std::isfinite(value)) << name;
  ASSERT_TRUE(first.Has("return_0"));
  const double steps = first.Get("environment_steps");
  EXPECT_GT(steps, 0);
  EXPECT_LE(steps, static_cast<double>(bench.agent().steps_per_iteration()));

  // the same columns in every iteration
  ASSERT_EQ(first.entries().size(), second.entries().size());
  for (size_t i = 0; i < first.entries().size(); ++i) {
    EXPECT_EQ(first.entries()[i].first, second.entries()[i].first);
  }
}

TEST_P(MetaAgentContract, TheSameBitsAtAnyNumberOfThreads) {
  AgentBench one = Bench(1);
  const Metrics first = one.Train(1), second = one.Train(2);
  const TensorFile saved = one.Saved();
  for (const int threads : {2, 4}) {
    AgentBench more = Bench(threads);
    EXPECT_TRUE(more.Train(1) == first) << threads;
    EXPECT_TRUE(more.Train(2) == second) << threads;
    EXPECT_TRUE(more.Saved() == saved) << threads;
  }
}

TEST_P(MetaAgentContract, AnotherSeedIsAnotherAgent) {
  AgentBench a = Bench(1, 1), b = Bench(1, 2);
  EXPECT_FALSE(a.Saved() == b.Saved());
  AgentBench c = Bench(1, 1);
  a.Train(1);
  c.Train(2);
  EXPECT_FALSE(a.Saved() == c.Saved());
}

TEST_P(MetaAgentContract, AResumedAgentEqualsAnUninterruptedOne) {
  AgentBench whole = Bench(1, 1);
  whole.Train(1);
  whole.Train(2);
  const TensorFile middle = whole.Saved();
  const std::string bytes = Serialize(middle);
  const Metrics expected = whole.Train(3);

  // from the bytes of a file, into an agent that began elsewhere and has trained
  AgentBench resumed = Bench(2, 99);
  resumed.Train(7);
  const TensorFile read = Parse(std::as_bytes(std::span(bytes)), "checkpoint");
  resumed.Load(read);
  EXPECT_TRUE(resumed.Saved() == middle);
  EXPECT_TRUE(resumed.Train(3) == expected);
  EXPECT_TRUE(resumed.Saved() == whole.Saved());
}

TEST_P(MetaAgentContract, AnIncompleteCheckpointIsRefused) {
  AgentBench bench = Bench();
  const TensorFile saved = bench.Saved();
  ASSERT_FALSE(saved.tensors().empty());
  const auto expect_refused = [&](const TensorFile& file, const std::string& name) {
    try {
      bench.Load(file);
      ADD_FAILURE() << name << " was not missed";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kData) << error.what();
      EXPECT_THAT(error.what(), testing::HasSubstr(name));
    }
  };
  for (const TensorEntry& bad : saved.tensors()) {
    TensorFile missing, reshaped, retyped;
    for (const TensorEntry& entry : saved.tensors()) {
      TensorEntry changed = entry;
      if (entry.name != bad.name) {
        missing.AddEntry(entry);
        reshaped.AddEntry(entry);
        retyped.AddEntry(entry);
        continue;
      }
      // one element more; integers in place of numbers of the same size
      changed.bytes = std::vector<std::byte>(entry.bytes.size() + SizeOf(entry.dtype));
      changed.shape = {static_cast<int64_t>(changed.bytes.size() / SizeOf(entry.dtype))};
      reshaped.AddEntry(changed);
      changed = entry;
      changed.dtype = SizeOf(entry.dtype) == 4 ? DType::kI32 : DType::kU64;
      retyped.AddEntry(changed);
    }
    expect_refused(missing, bad.name);
    expect_refused(reshaped, bad.name);
    expect_refused(retyped, bad.name);
  }
}

TEST_P(MetaAgentContract, ColumnsAreDeclaredBeforeTheFirstIteration) {
  AgentBench bench = Bench();
  const std::vector<std::string> declared = bench.agent().columns();
  std::vector<std::string> given;
  const Metrics metrics = bench.Train(1);
  for (const auto& [name, value] : metrics.entries()) given.push_back(name);
  EXPECT_EQ(declared, given);
  EXPECT_TRUE(metrics.Has(fmt::format("return_{}", bench.agent().last_reported_unit())));
}

TEST_P(MetaAgentContract, ADeployedAgentAdaptsAndLeavesTheAgentAsItWas) {
  AgentBench bench = Bench(2);
  bench.Train(1);
  const TensorFile saved = bench.Saved();
  const std::vector<Task> tasks = FarTasks();
  const auto deployed = DeployOn(bench.agent(), tasks, Rng(4));
  EXPECT_FALSE(bench.agent().unit().empty());
  ASSERT_GT(bench.agent().episodes_per_unit(), 0);

  // before: the same for all tasks; after: something of its own for each
  const torch::Tensor before = StateOf(*deployed, 3);
  EXPECT_TRUE(SameBits(before[0], before[2]));
  bench.Adapt(*deployed, tasks, Rng(5));
  const torch::Tensor after = StateOf(*deployed, 3);
  ASSERT_EQ(after.sizes(), before.sizes());
  if (bench.agent().adapts()) {
    for (int64_t t = 0; t < 3; ++t) EXPECT_GT(Distance(after[t], before[t]), 1e-6);
    EXPECT_GT(Distance(after[0], after[1]), 1e-6);
  } else {
    EXPECT_TRUE(SameBits(after, before));
  }
  EXPECT_TRUE(after.isfinite().all().item<bool>());
  EXPECT_TRUE(bench.Saved() == saved);

  // adaptation is a function of the agent and of the episodes, also after further training
  const auto later = DeployOn(bench.agent(), tasks, Rng(4));
  bench.Train(2);
  EXPECT_TRUE(SameBits(StateOf(*later, 3), before));
  bench.Adapt(*later, tasks, Rng(5));
  EXPECT_TRUE(SameBits(StateOf(*later, 3), after));
  EXPECT_FALSE(SameBits(StateOf(*DeployOn(bench.agent(), tasks, Rng(4)), 3), before));
}

TEST_P(MetaAgentContract, ATaskAdaptsByItselfAsAmongOthers) {
  // the same episodes, one task at a time: equal to rounding
  AgentBench bench = Bench();
  const std::vector<Task> tasks = FarTasks();
  const auto together = DeployOn(bench.agent(), tasks, Rng(4));
  if (bench.agent().support() == Support::kAsJudged) {
    // it adapts while it acts: the first task, whose streams are the same ones in both
    const auto alone = DeployOn(bench.agent(), {tasks.data(), 1}, Rng(4));
    bench.Adapt(*together, tasks, Rng(5));
    bench.Adapt(*alone, {tasks.front()}, Rng(5));
    EXPECT_LT(Distance(StateOf(*alone, 1)[0], StateOf(*together, 3)[0]), 1e-5);
    return;
  }
  const Rollouts all =
      bench.sampler().Collect(together->policy(), together->parameters(), tasks,
                              {.episodes = bench.agent().episodes_per_unit()}, Rng(5));
  together->Adapt(all);
  for (int64_t t = 0; t < 3; ++t) {
    const auto alone = DeployOn(bench.agent(), {&tasks[static_cast<size_t>(t)], 1}, Rng(4));
    Rollouts one = all;
    for (torch::Tensor* values :
         {&one.observations, &one.actions, &one.rewards, &one.mask, &one.final_observations,
          &one.terminated, &one.returns, &one.metric_means}) {
      *values = values->narrow(0, t, 1).contiguous();
    }
    alone->Adapt(one);
    EXPECT_LT(Distance(alone->parameters().flat[0], together->parameters().flat[t]), 1e-5);
  }
}

std::string TestName(const testing::TestParamInfo<std::string>& test) {
  std::string name = test.param;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name;
}

std::vector<std::string> TrainedAgents() {
  const AgentRegistry agents = BuiltinAgents();
  std::vector<std::string> names = agents.Names();
  std::erase_if(names, [&](const std::string& name) { return !agents.Get(name).trained; });
  return names;
}

TEST(Columns, OfALongTrialAreFew) {
  AgentBench bench("e-maml", "inner_steps = 99\nepisodes = 1\nhidden = []\n", 1, 1,
                   MakeFamily("bandit-bernoulli@rl2"));
  const std::vector<std::string> columns = bench.agent().columns();
  EXPECT_LT(columns.size(), 30u);
  EXPECT_EQ(std::ranges::count(columns, "return_99"), 1);
}

INSTANTIATE_TEST_SUITE_P(Agents, AgentOptionsContract, testing::ValuesIn(BuiltinAgents().Names()),
                         TestName);
INSTANTIATE_TEST_SUITE_P(Agents, MetaAgentContract, testing::ValuesIn(TrainedAgents()), TestName);

}  // namespace
}  // namespace fewstep
