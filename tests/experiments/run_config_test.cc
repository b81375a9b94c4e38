#include "experiments/running/run_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/rng.h"

namespace fewstep {
namespace {

using ::testing::HasSubstr;

constexpr const char* kFile = "r.toml";

struct Key {
  std::string table;
  FieldDescription field;
};

class RunConfigTest : public ::testing::Test {
 protected:
  RunConfigTest()
      : config_(Parse("[family]\nname = 'point-nav@maml'\n[agent]\nname = 'maml-ppo'\n")) {
    NamedOptions family(config_.family_name, *config_.family);
    NamedOptions agent(config_.agent_name, *config_.agent);
    Add("run", config_.run);
    Add("family", family);
    Add("agent", agent);
  }

  RunConfig Parse(const std::string& text) const {
    return ReadRunConfig(Config::ParseText(text, kFile), catalog_);
  }

  // The message with which a recipe is refused; "" when it is read.
  std::string Refusal(const std::string& text) const {
    try {
      Parse(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage) << text;
      return error.what();
    }
    return "";
  }

  // A recipe that spells out every key, with `line` in place of `keys_[index]`; and where it is.
  std::string Recipe(size_t index, const std::string& line, int* number) const {
    std::string text, table;
    int lines = 0;
    for (size_t i = 0; i < keys_.size(); ++i) {
      if (keys_[i].table != table) {
        table = keys_[i].table;
        text += fmt::format("[{}]\n", table);
        ++lines;
      }
      const FieldDescription& field = keys_[i].field;
      text += i == index ? line + "\n" : fmt::format("{} = {}\n", field.key, field.value);
      ++lines;
      if (i == index) *number = lines;
    }
    return text;
  }

  std::vector<Key> keys_;

 private:
  void Add(const std::string& table, Options& options) {
    for (const FieldDescription& field : DescribeFields(options)) keys_.push_back({table, field});
  }

  Catalog catalog_ = BuiltinCatalog();
  RunConfig config_;
};

// Every word one edit away: a letter left out, added, replaced, or swapped with its neighbour.
std::vector<std::string> Slips(const std::string& word) {
  const std::string letters = "abcdefghijklmnopqrstuvwxyz_";
  std::vector<std::string> slips;
  for (size_t at = 0; at <= word.size(); ++at) {
    const std::string head = word.substr(0, at), tail = word.substr(at);
    for (const char letter : letters) {
      slips.push_back(head + letter + tail);
      if (!tail.empty()) slips.push_back(head + letter + tail.substr(1));
    }
    if (!tail.empty() && word.size() > 1) slips.push_back(head + tail.substr(1));
    if (tail.size() > 1) slips.push_back(head + tail[1] + tail[0] + tail.substr(2));
  }
  return slips;
}

TEST_F(RunConfigTest, EveryKeyMisspeltByOneEditIsRefusedAndNamed) {
  std::vector<std::string> known;
  for (const Key& key : keys_) known.push_back(key.field.key);
  int64_t slips = 0, right = 0;
  for (size_t i = 0; i < keys_.size(); ++i) {
    const auto& [table, field] = keys_[i];
    for (const std::string& slip : Slips(field.key)) {
      if (std::ranges::find(known, slip) != known.end()) continue;
      int line = 0;
      const std::string text = Recipe(i, fmt::format("{} = {}", slip, field.value), &line);
      const std::string message = Refusal(text);
      EXPECT_THAT(message, HasSubstr(fmt::format("{}:{}: '{}.{}'", kFile, line, table, slip)));
      ++slips;
      right += message.find(fmt::format("did you mean '{}'?", field.key)) != std::string::npos;
    }
  }
  EXPECT_GT(slips, 10000);
  EXPECT_GE(static_cast<double>(right), 0.95 * static_cast<double>(slips)) << right << " " << slips;
  RecordProperty("suggestions", fmt::format("{} of {}", right, slips));
}

TEST_F(RunConfigTest, EveryWrongTypeIsRefusedAtItsLine) {
  const std::vector<std::pair<std::string, std::string>> samples = {
      {"string", "'abc'"},   {"integer", "3"},       {"number", "3.5"},    {"boolean", "true"},
      {"integers", "[3]"},   {"date", "2020-01-01"}, {"time", "07:32:00"}, {"table", "{ a = 1 }"},
      {"mixed", "[3, 'a']"}, {"nested", "[[3]]"},    {"numbers", "[1.5]"}};
  for (size_t i = 0; i < keys_.size(); ++i) {
    const auto& [table, field] = keys_[i];
    for (const auto& [type, value] : samples) {
      if (type == field.type || (field.type == "number" && type == "integer")) continue;
      if (field.type == "strings" && type == "string") continue;  // a list of one
      int line = 0;
      const std::string text = Recipe(i, fmt::format("{} = {}", field.key, value), &line);
      EXPECT_THAT(Refusal(text), HasSubstr(fmt::format("{}:{}: '{}.{}': expected ", kFile, line,
                                                       table, field.key)))
          << value;
    }
  }
}

TEST_F(RunConfigTest, NumbersAtTheEdgeAreRefusedOrInRange) {
  for (size_t i = 0; i < keys_.size(); ++i) {
    const auto& [table, field] = keys_[i];
    if (field.type != "integer" && field.type != "number" && field.type != "integers") continue;
    for (const std::string value : {"nan", "inf", "-inf", "9223372036854775808", "1e400", "-1", "0",
                                    "2147483648", "9223372036854775807", "1e308", "5e-324"}) {
      int line = 0;
      const std::string given = field.type == "integers" ? fmt::format("[{}]", value) : value;
      const std::string text = Recipe(i, fmt::format("{} = {}", field.key, given), &line);
      const std::string message = Refusal(text);
      if (!message.empty()) {
        EXPECT_THAT(message, HasSubstr(fmt::format("{}:{}", kFile, line)));
      }
      if (value.find_first_of("ni") != std::string::npos || value == "9223372036854775808") {
        EXPECT_NE(message, "") << field.key << " = " << value;
      }
    }
  }
}

TEST_F(RunConfigTest, MutatedRecipesAreReadOrRefused) {
  int unused = 0;
  const std::string whole = Recipe(keys_.size(), "", &unused);
  const std::vector<std::string> pieces = {"[",  "]",   "=",  "\"", "'",     "\n",   "-",  "1e309",
                                           "{",  "}",   "#",  ".",  "[run]", "name", "\\", "'''",
                                           "\r", "nan", "99", ",",  "true",  "\xff", "_",  "u0000"};
  int refused = 0;
  const Rng root(11);
  for (uint64_t mutant = 0; mutant < 3000; ++mutant) {
    Rng rng = root.Fork("mutant", mutant);
    const auto below = [&](size_t n) { return static_cast<size_t>(rng.Uniform() * double(n)); };
    std::string text = whole;
    for (size_t edit = 0; edit <= below(4); ++edit) {
      const size_t at = below(text.size());
      const size_t kind = below(4);
      if (kind == 0) {
        text[at] = static_cast<char>(' ' + below(95));
      } else if (kind == 1) {
        text.erase(at, 1 + below(20));
      } else if (kind == 2) {
        text.insert(at, pieces[below(pieces.size())]);
      } else {
        text.insert(at, text.substr(below(text.size()), 40));
      }
    }
    refused += Refusal(text).empty() ? 0 : 1;
  }
  EXPECT_GT(refused, 1000);
  EXPECT_LT(refused, 2999);
}

TEST_F(RunConfigTest, TheResolvedRecipeReadsBackTheSame) {
  RunConfig config = Parse(
      "[run]\nname = 'a \"b\" \\u00e4'\nseed = 5\n[family]\nname = 'half-cheetah-dir@promp'\n"
      "[agent]\nname = 'maml-ppo'\nhidden = []\nclip = 0.30000000000000004\n");
  const std::string text = config.ToToml();
  RunConfig again = Parse(text);
  EXPECT_EQ(again.ToToml(), text);
  EXPECT_TRUE(Changes(config, again).empty());
}

// Runs of earlier versions say that their family has 0 arms.
TEST_F(RunConfigTest, ArmsAreKeysOfBanditsAndNoneArePassedOver) {
  const std::string agent = "[agent]\nname = 'maml-ppo'\n";
  const auto refusal = [&](const std::string& family) {
    return Refusal("[family]\nname = " + family + agent);
  };
  EXPECT_EQ(refusal("'point-nav@maml'\narms = 0\n"), "");
  EXPECT_THAT(refusal("'point-nav@maml'\narms = 3\n"), HasSubstr("'family.arms': unknown key"));
  EXPECT_EQ(refusal("'bandit-bernoulli@rl2'\narms = 3\n"), "");
  RunConfig old = Parse("[family]\nname = 'point-nav@maml'\narms = 0\n" + agent);
  EXPECT_THAT(old.ToToml(), ::testing::Not(HasSubstr("arms")));
}

TEST_F(RunConfigTest, ChangesNameWhatDiffers) {
  const std::string rest = "[family]\nname = 'point-nav@maml'\n[agent]\nname = 'maml-ppo'\n";
  RunConfig from = Parse("[run]\nname = 'a'\n" + rest);
  RunConfig to = Parse("[run]\nname = 'b'\niterations = 7\n" + rest + "hidden = [2]\n");
  EXPECT_THAT(Changes(from, to), ::testing::ElementsAre("run.iterations=7", "agent.hidden=[2]"));
  EXPECT_NO_THROW(CheckResumable("run.iterations=7", kFile));
  EXPECT_NO_THROW(CheckResumable("run.device=cuda", kFile));
  for (const char* change : {"agent.hidden=[2]", "run.seed=1", "run.", "", "iterations=1",
                             "run.iterations, run.threads=1"}) {
    EXPECT_THROW(CheckResumable(change, kFile), Error) << change;
  }
}

}  // namespace
}  // namespace fewstep
