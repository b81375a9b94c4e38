#include "envs/declarative/laws.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace fewstep::declarative {
namespace {

constexpr double kDeviations = 3;  // a normal law is cut off there

// The law of one parameter: one of the four, for `size` numbers.
struct Law {
  enum class Kind { kUniform, kLogUniform, kNormal, kChoice } kind = Kind::kUniform;
  std::vector<double> first, second;         // low and high, or mean and deviation
  std::vector<std::vector<double>> choices;  // [k][size]
  std::vector<Range> ranges;                 // what each number lies in

  void Draw(Rng& rng, double* out) const {
    if (kind == Kind::kChoice) {
      std::ranges::copy(choices[rng.Below(choices.size())], out);
      return;
    }
    for (size_t i = 0; i < first.size(); ++i) {
      switch (kind) {
        case Kind::kUniform:
          out[i] = rng.Uniform(first[i], second[i]);
          break;
        case Kind::kLogUniform:
          out[i] = std::clamp(std::exp(rng.Uniform(std::log(first[i]), std::log(second[i]))),
                              first[i], second[i]);
          break;
        default:
          do {
            out[i] = first[i] + second[i] * rng.Normal();
          } while (!ranges[i].Contains(out[i]));
      }
    }
  }

  std::string Text(size_t i) const {
    switch (kind) {
      case Kind::kUniform:
        return fmt::format("U({}, {})", first[i], second[i]);
      case Kind::kLogUniform:
        return fmt::format("log-uniform({}, {})", first[i], second[i]);
      case Kind::kNormal:
        return fmt::format("N({}, {}^2) within {} deviations", first[i], second[i], kDeviations);
      case Kind::kChoice: {
        std::vector<double> values;
        for (const std::vector<double>& choice : choices) values.push_back(choice[i]);
        return fmt::format("one of {}, each as likely as the others", fmt::join(values, ", "));
      }
    }
    return "";
  }
};

[[noreturn]] void Fail(const std::string& message, ErrorContext where, std::string remedy = "") {
  where.remedy = std::move(remedy);
  throw Error(ErrorKind::kUsage, message, where);
}

// Row `row` of a table of rows: of [2] the number alone, of [2, n] its numbers.
std::vector<double> Row(const NumberTable& table, size_t row) {
  const size_t width = table.shape.size() > 1 ? static_cast<size_t>(table.shape[1]) : 1;
  const auto begin = table.values.begin() + static_cast<std::ptrdiff_t>(row * width);
  return {begin, begin + static_cast<std::ptrdiff_t>(width)};
}

Law ReadLaw(const LawOptions& options, const ErrorContext& where) {
  Law law;
  const NumberTable* table = nullptr;
  const std::pair<const NumberTable*, Law::Kind> keys[] = {
      {&options.uniform, Law::Kind::kUniform},
      {&options.log_uniform, Law::Kind::kLogUniform},
      {&options.normal, Law::Kind::kNormal},
      {&options.choice, Law::Kind::kChoice}};
  for (const auto& [given, kind] : keys) {
    if (given->shape.empty()) continue;
    if (table != nullptr) Fail("a law is one of uniform, log_uniform, normal and choice", where);
    table = given;
    law.kind = kind;
  }
  if (table == nullptr) {
    Fail("it has no law", where, "For example train = { uniform = [0.5, 2.0] }");
  }
  if (table->shape.size() > 2) Fail("a law's arrays are at most two deep", where);

  if (law.kind == Law::Kind::kChoice) {
    for (size_t k = 0; k < static_cast<size_t>(table->shape[0]); ++k) {
      law.choices.push_back(Row(*table, k));
    }
    for (size_t i = 0; i < law.choices.front().size(); ++i) {
      Range range{law.choices.front()[i], law.choices.front()[i]};
      for (const std::vector<double>& choice : law.choices) {
        range = {std::min(range.low, choice[i]), std::max(range.high, choice[i])};
      }
      law.ranges.push_back(range);
    }
    return law;
  }

  if (table->shape[0] != 2) {
    Fail(fmt::format("{} values, and the law takes two", table->shape[0]), where,
         law.kind == Law::Kind::kNormal ? "[mean, deviation]" : "[low, high]");
  }
  law.first = Row(*table, 0);
  law.second = Row(*table, 1);
  for (size_t i = 0; i < law.first.size(); ++i) {
    const double a = law.first[i], b = law.second[i];
    if (law.kind == Law::Kind::kNormal) {
      if (!(b > 0)) Fail(fmt::format("{} is no deviation", b), where);
      law.ranges.push_back({a - kDeviations * b, a + kDeviations * b});
      continue;
    }
    if (!(a < b)) Fail(fmt::format("{} is not below {}", a, b), where);
    if (law.kind == Law::Kind::kLogUniform && !(a > 0)) {
      Fail(fmt::format("{} is not positive, and a log_uniform law needs that", a), where);
    }
    law.ranges.push_back({a, b});
  }
  return law;
}

// The laws of all parameters in one split, one after the other.
DrawFunction DrawAll(std::vector<Law> laws) {
  return [laws = std::move(laws)](Rng& rng, std::span<double> values) {
    double* out = values.data();
    for (const Law& law : laws) {
      law.Draw(rng, out);
      out += law.ranges.size();
    }
  };
}

std::vector<std::string> ComponentNames(const ParameterOptions& parameter, size_t size,
                                        const ErrorContext& where) {
  if (!parameter.components.empty() && parameter.components.size() != size) {
    Fail(
        fmt::format("{} components, and its law has {} numbers", parameter.components.size(), size),
        where);
  }
  if (size == 1 && parameter.components.empty()) return {parameter.name};
  std::vector<std::string> names;
  for (size_t i = 0; i < size; ++i) {
    const std::string component = !parameter.components.empty() ? parameter.components[i]
                                  : size <= 3                   ? std::string(1, "xyz"[i])
                                                                : fmt::format("{}", i);
    names.push_back(fmt::format("{}_{}", parameter.name, component));
  }
  return names;
}

class Declarer {
 public:
  Declarer(const FamilyFile& file, const Config& config) : file_(file), config_(config) {}

  DeclaredTasks Declare() {
    if (file_.parameters.empty()) {
      Fail("a family needs a parameter: what makes one task differ from another",
           config_.Where("parameter", ""), "Add [[parameter]]");
    }
    for (size_t p = 0; p < file_.parameters.size(); ++p) AddParameter(p);
    const bool listed = !file_.tasks.train.shape.empty();
    if (listed) {
      AddLists();
    } else {
      if (!file_.tasks.test.shape.empty() || !file_.tasks.ood.shape.empty()) {
        Fail("a list of held-out tasks needs one of training tasks, too",
             config_.Where("tasks", ""), "Add train");
      }
      AddLaws();
    }
    CheckValid();
    return std::move(tasks_);
  }

 private:
  ErrorContext Where(size_t parameter, std::string_view key) const {
    return config_.Where(fmt::format("parameter[{}]", parameter), key);
  }

  void AddParameter(size_t p) {
    const ParameterOptions& parameter = file_.parameters[p];
    if (parameter.name.empty()) Fail("a parameter needs a name", Where(p, "name"));
    for (const ParameterPlace& other : tasks_.places) {
      if (other.name == parameter.name) Fail("two parameters have this name", Where(p, "name"));
    }
    const bool listed = !file_.tasks.train.shape.empty();
    std::vector<Range> ranges;
    std::vector<std::string> laws;
    std::vector<std::vector<double>> choices;
    if (listed) {
      // the numbers of a list follow from the rows
      if (parameter.train.given() || parameter.test.given() || parameter.ood.given()) {
        Fail("its tasks are a list, so it has no law of its own", Where(p, "train"),
             "Remove it, or [tasks]");
      }
      ranges.resize(std::max<size_t>(1, parameter.components.size()));
      laws.assign(ranges.size(), "from the list of [tasks]");
      choices.resize(ranges.size());
    } else {
      train_.push_back(ReadLaw(parameter.train, Where(p, "train")));
      const Law& law = train_.back();
      test_.push_back(parameter.test.given() ? ReadLaw(parameter.test, Where(p, "test")) : law);
      ood_.push_back(parameter.ood.given() ? ReadLaw(parameter.ood, Where(p, "ood")) : law);
      has_test_ = has_test_ || parameter.test.given();
      has_ood_ = has_ood_ || parameter.ood.given();
      ranges = law.ranges;
      for (const char* key : {"test", "ood"}) {
        const Law& other = key == std::string_view("test") ? test_.back() : ood_.back();
        if (other.ranges.size() == ranges.size()) continue;
        Fail(fmt::format("{} numbers, and those of train have {}", other.ranges.size(),
                         ranges.size()),
             Where(p, key));
      }
      all_choices_ = all_choices_ && law.kind == Law::Kind::kChoice;
      for (size_t i = 0; i < ranges.size(); ++i) {
        laws.push_back(law.Text(i));
        std::set<double> values;
        for (const std::vector<double>& choice : law.choices) values.insert(choice[i]);
        choices.emplace_back(values.begin(), values.end());
      }
    }
    if (!parameter.valid.empty() &&
        (parameter.valid.size() != 2 || !(parameter.valid[0] <= parameter.valid[1]))) {
      Fail("it is not [low, high]", Where(p, "valid"));
    }

    const std::vector<std::string> names =
        ComponentNames(parameter, ranges.size(), Where(p, "components"));
    tasks_.places.push_back({parameter.name, static_cast<int>(tasks_.parameters.size()),
                             static_cast<int>(names.size())});
    for (size_t i = 0; i < names.size(); ++i) {
      ParameterSpec spec{.name = names[i],
                         .unit = parameter.unit,
                         .low = ranges[i].low,
                         .high = ranges[i].high,
                         .choices = std::move(choices[i]),
                         .law = laws[i]};
      if (!parameter.valid.empty()) spec.valid = {parameter.valid[0], parameter.valid[1]};
      tasks_.parameters.push_back(std::move(spec));
    }
  }

  void AddLaws() {
    tasks_.law.draw = DrawAll(train_);
    if (has_test_) tasks_.law.test = DrawAll(test_);
    if (has_ood_) tasks_.law.ood = DrawAll(ood_);
    tasks_.finite = all_choices_ && !has_test_;
    // only a finite family holds no other values than its choices
    if (!tasks_.finite || has_ood_) {
      tasks_.finite = false;
      for (ParameterSpec& parameter : tasks_.parameters) parameter.choices.clear();
    }
    if (tasks_.finite) EnumerateChoices();
    tasks_.splits = fmt::format("train, test: {}; ood: {}",
                                tasks_.finite ? "the same tasks"
                                : has_test_   ? "laws of their own"
                                              : "separate draws of the law",
                                has_ood_ ? "a law of its own" : "none");
  }

  // All combinations, the first parameter varying fastest.
  void EnumerateChoices() {
    std::vector<std::vector<double>> all = {{}};
    for (size_t p = train_.size(); p-- > 0;) {
      std::vector<std::vector<double>> longer;
      for (const std::vector<double>& rest : all) {
        for (std::vector<double> task : train_[p].choices) {
          task.insert(task.end(), rest.begin(), rest.end());
          longer.push_back(std::move(task));
        }
      }
      if (longer.size() > kMostTasks) {
        Fail(fmt::format("more than {} combinations of choices", kMostTasks), Where(p, "train"),
             "Give the tasks as a list, in [tasks]");
      }
      all = std::move(longer);
    }
    tasks_.law.lists[Split::kTest] = std::move(all);
  }

  void AddLists() {
    const TaskListOptions& lists = file_.tasks;
    const std::tuple<const char*, const NumberTable*, Split> keys[] = {
        {"train", &lists.train, Split::kTrain},
        {"test", lists.test.shape.empty() ? &lists.train : &lists.test, Split::kTest},
        {"ood", &lists.ood, Split::kOod}};
    for (const auto& [key, table, split] : keys) {
      if (table->shape.empty()) continue;
      const ErrorContext where = config_.Where("tasks", key);
      if (table->shape.size() != 2 ||
          table->shape[1] != static_cast<int64_t>(tasks_.parameters.size())) {
        std::vector<std::string> names;
        for (const ParameterSpec& parameter : tasks_.parameters) names.push_back(parameter.name);
        Fail(fmt::format("a row of it is a task: {} numbers ({})", names.size(),
                         fmt::join(names, ", ")),
             where, "A vector parameter of a list needs components");
      }
      for (size_t row = 0; row < static_cast<size_t>(table->shape[0]); ++row) {
        tasks_.law.lists[split].push_back(Row(*table, row));
      }
    }
    const auto& train = tasks_.law.lists[Split::kTrain];
    tasks_.finite = train == tasks_.law.lists[Split::kTest] && lists.ood.shape.empty();
    for (size_t i = 0; i < tasks_.parameters.size(); ++i) {
      ParameterSpec& parameter = tasks_.parameters[i];
      std::set<double> values;
      for (const std::vector<double>& task : train) values.insert(task[i]);
      parameter.low = *values.begin();
      parameter.high = *values.rbegin();
      if (tasks_.finite) parameter.choices.assign(values.begin(), values.end());
    }
    tasks_.splits = fmt::format(
        "train: a list of {}; test: {}; ood: {}", train.size(),
        tasks_.finite ? "the same list"
                      : fmt::format("a list of {}", tasks_.law.lists[Split::kTest].size()),
        lists.ood.shape.empty()
            ? "none"
            : fmt::format("a list of {}", tasks_.law.lists[Split::kOod].size()));
  }

  // Every law and list must stay within what is valid.
  void CheckValid() const {
    for (size_t p = 0; p < tasks_.places.size(); ++p) {
      const ParameterPlace& place = tasks_.places[p];
      for (int i = 0; i < place.size; ++i) {
        const auto index = static_cast<size_t>(place.first + i);
        const ParameterSpec& spec = tasks_.parameters[index];
        const Range valid = spec.valid_range();
        const auto check = [&](const Range& range, std::string_view key) {
          if (valid.Contains(range.low) && valid.Contains(range.high)) return;
          Fail(fmt::format("tasks of {} go from {} to {}, and '{}' may hold {} to {}", key,
                           range.low, range.high, spec.name, valid.low, valid.high),
               Where(p, file_.parameters[p].valid.empty() ? "name" : "valid"),
               fmt::format("valid = [{}, {}] would do", std::min(valid.low, range.low),
                           std::max(valid.high, range.high)));
        };
        check({spec.low, spec.high}, "train");
        if (!train_.empty()) {
          if (has_test_) check(test_[p].ranges[static_cast<size_t>(i)], "test");
          if (has_ood_) check(ood_[p].ranges[static_cast<size_t>(i)], "ood");
        }
        for (const auto& [split, list] : tasks_.law.lists) {
          for (const std::vector<double>& task : list) {
            check({task[index], task[index]}, NameOf(kSplitNames, split));
          }
        }
      }
    }
  }

  static constexpr size_t kMostTasks = 100'000;

  const FamilyFile& file_;
  const Config& config_;
  DeclaredTasks tasks_;
  std::vector<Law> train_, test_, ood_;
  bool has_test_ = false, has_ood_ = false, all_choices_ = true;
};

}  // namespace

DeclaredTasks DeclareTasks(const FamilyFile& file, const Config& config) {
  return Declarer(file, config).Declare();
}

}  // namespace fewstep::declarative
