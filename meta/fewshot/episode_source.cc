#include "meta/fewshot/episode_source.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/error.h"
#include "core/hash.h"

namespace fewstep {

EpisodeBatch EpisodeBatch::Tasks(int64_t begin, int64_t end) const {
  const auto part = [&](const torch::Tensor& x) { return x.narrow(0, begin, end - begin); };
  return {part(support_x), part(support_y), part(query_x), part(query_y),
          classes.defined() ? part(classes) : classes};
}

EpisodeBatch EpisodeBatch::To(torch::Device device) const {
  return {support_x.to(device), support_y.to(device), query_x.to(device), query_y.to(device),
          classes.defined() ? classes.to(device) : classes};
}

torch::Tensor EpisodeLosses(const torch::Tensor& outputs, const torch::Tensor& y,
                            bool classification) {
  if (!classification) return (outputs - y.to(outputs.scalar_type())).square().mean({1, 2});
  return -outputs.log_softmax(2).gather(2, y.unsqueeze(2)).mean({1, 2});
}

namespace {

class ExampleSource final : public EpisodeSource {
 public:
  ExampleSource(std::unique_ptr<ExampleSet> set, Rotations rotations)
      : set_(std::move(set)),
        rotations_(rotations),
        form_{.example = set_->shape()},
        hash_(HashOf(set_->Hash() + NameOf(kRotationsNames, rotations))) {}

  const EpisodeForm& form() const override { return form_; }
  const std::string& hash() const override { return hash_; }
  int64_t num_classes(DataSplit split) const override {
    return ClassesOf(*set_, split, rotations_);
  }
  void Check(DataSplit split, const EpisodeOptions& options) const override {
    const EpisodeSampler sampler(*set_, split, rotations_, options);
  }

  EpisodeBatch Draw(DataSplit split, uint64_t seed, uint64_t first, int64_t count,
                    const EpisodeOptions& options) const override {
    FEWSTEP_CHECK(count == 1 || options.size == EpisodeSize::kFixed, "{} episodes of any size",
                  count);
    const EpisodeSampler sampler(*set_, split, rotations_, options);
    EpisodeBatch batch;
    for (int64_t i = 0; i < count; ++i) {
      const Episode episode = sampler.Draw(seed, first + static_cast<uint64_t>(i));
      const auto write = [&](const std::vector<EpisodeExample>& examples, torch::Tensor& x,
                             torch::Tensor& y) {
        const auto size = static_cast<int64_t>(examples.size());
        const ExampleShape& shape = form_.example;
        if (!x.defined()) {
          x = shape.picture ? torch::empty({count, size, shape.channels, shape.height, shape.width})
                            : torch::empty({count, size, shape.width});
          y = torch::empty({count, size}, torch::kInt64);
        }
        float* pixels = x[i].mutable_data_ptr<float>();
        int64_t* labels = y[i].mutable_data_ptr<int64_t>();
        for (const EpisodeExample& example : examples) {
          set_->Copy(example.example, example.turns, pixels);
          pixels += shape.size();
          *labels++ = example.label;
        }
      };
      write(episode.support, batch.support_x, batch.support_y);
      write(episode.query, batch.query_x, batch.query_y);
      if (!batch.classes.defined()) {
        batch.classes = torch::empty({count, episode.ways}, torch::kInt64);
      }
      std::ranges::copy(episode.of_split, batch.classes[i].mutable_data_ptr<int64_t>());
    }
    return batch;
  }

  EpisodeTruth Truth(DataSplit split, uint64_t seed, uint64_t index, const EpisodeOptions& options,
                     std::span<const double> /*x*/) const override {
    const Episode episode = EpisodeSampler(*set_, split, rotations_, options).Draw(seed, index);
    EpisodeTruth truth;
    for (size_t label = 0; label < episode.classes.size(); ++label) {
      const auto of = static_cast<size_t>(episode.classes[label]);
      truth.classes.push_back(set_->classes()[of].name);
      // the same class with other turns may be beside it
      const int turns =
          std::ranges::find(episode.support, static_cast<int>(label), &EpisodeExample::label)
              ->turns;
      if (turns > 0) truth.classes.back() += fmt::format(", {}°", 90 * turns);
    }
    return truth;
  }

 private:
  std::unique_ptr<ExampleSet> set_;
  Rotations rotations_;
  EpisodeForm form_;
  std::string hash_;
};

// What is regressed has neither classes nor their groups.
void CheckRegression(const EpisodeOptions& options) {
  if (options.size != EpisodeSize::kFixed || options.within_group) {
    throw Error(ErrorKind::kUsage,
                "what is regressed has no classes, and episodes of one size alone",
                {.key = "size", .remedy = "Set size = \"fixed\" and within_group = false"});
  }
}

EpisodeBatch EmptyRegression(int64_t count, const EpisodeOptions& options, int64_t inputs,
                             int64_t outputs) {
  const auto empty = [&](int64_t points, int64_t numbers) {
    return torch::empty({count, points, numbers});
  };
  return {empty(options.shots, inputs),
          empty(options.shots, outputs),
          empty(options.queries, inputs),
          empty(options.queries, outputs),
          {}};
}

// Rows with targets: a task is what elsewhere is a class, so an episode is one of a single way.
class RowSource final : public EpisodeSource {
 public:
  explicit RowSource(std::unique_ptr<ExampleSet> set)
      : set_(std::move(set)),
        form_{.example = {.picture = false, .width = set_->shape().width - set_->targets()},
              .classification = false,
              .outputs = set_->targets()},
        hash_(set_->Hash()) {
    // of a single input, for pictures
    std::vector<float> row(static_cast<size_t>(set_->shape().width));
    for (int64_t i = 0; i < set_->num_examples(); ++i) {
      set_->Copy(i, 0, row.data());
      const auto x = static_cast<double>(row[0]);
      form_.low = i == 0 ? x : std::min(form_.low, x);
      form_.high = i == 0 ? x : std::max(form_.high, x);
    }
  }

  const EpisodeForm& form() const override { return form_; }
  const std::string& hash() const override { return hash_; }
  int64_t num_classes(DataSplit) const override { return 0; }
  void Check(DataSplit split, const EpisodeOptions& options) const override {
    CheckRegression(options);
    Sampler(split, options);
  }

  EpisodeBatch Draw(DataSplit split, uint64_t seed, uint64_t first, int64_t count,
                    const EpisodeOptions& options) const override {
    const EpisodeSampler sampler = Sampler(split, options);
    const int64_t inputs = form_.example.width, outputs = form_.outputs;
    EpisodeBatch batch = EmptyRegression(count, options, inputs, outputs);
    std::vector<float> row(static_cast<size_t>(inputs + outputs));
    for (int64_t i = 0; i < count; ++i) {
      const Episode episode = sampler.Draw(seed, first + static_cast<uint64_t>(i));
      const auto write = [&](const std::vector<EpisodeExample>& examples, torch::Tensor of_x,
                             torch::Tensor of_y) {
        float *x = of_x.mutable_data_ptr<float>(), *y = of_y.mutable_data_ptr<float>();
        for (const EpisodeExample& example : examples) {
          set_->Copy(example.example, 0, row.data());
          x = std::copy_n(row.begin(), inputs, x);
          y = std::copy_n(row.begin() + inputs, outputs, y);
        }
      };
      write(episode.support, batch.support_x[i], batch.support_y[i]);
      write(episode.query, batch.query_x[i], batch.query_y[i]);
    }
    return batch;
  }

  EpisodeTruth Truth(DataSplit split, uint64_t seed, uint64_t index, const EpisodeOptions& options,
                     std::span<const double> /*x*/) const override {
    const int task = Sampler(split, options).Draw(seed, index).classes.front();
    EpisodeTruth truth;  // values between rows are not known
    truth.classes.push_back(set_->classes()[static_cast<size_t>(task)].name);
    return truth;
  }

 private:
  EpisodeSampler Sampler(DataSplit split, EpisodeOptions options) const {
    options.ways = 1;
    return {*set_, split, Rotations::kNone, options};
  }

  std::unique_ptr<ExampleSet> set_;
  EpisodeForm form_;
  std::string hash_;
};

class FunctionSource final : public EpisodeSource {
 public:
  FunctionSource(std::unique_ptr<RegressionFamily> family, const std::string& definition)
      : family_(std::move(family)),
        form_{.example = {.picture = false, .width = static_cast<int>(family_->input_size())},
              .classification = false,
              .outputs = family_->output_size(),
              .low = family_->range().first,
              .high = family_->range().second},
        hash_(HashOf(definition)) {}

  const EpisodeForm& form() const override { return form_; }
  const std::string& hash() const override { return hash_; }
  int64_t num_classes(DataSplit) const override { return 0; }
  void Check(DataSplit, const EpisodeOptions& options) const override { CheckRegression(options); }

  EpisodeBatch Draw(DataSplit split, uint64_t seed, uint64_t first, int64_t count,
                    const EpisodeOptions& options) const override {
    const int64_t inputs = form_.example.width, outputs = form_.outputs;
    EpisodeBatch batch = EmptyRegression(count, options, inputs, outputs);
    for (int64_t i = 0; i < count; ++i) {
      const RegressionEpisode episode = DrawEpisode(
          *family_, split, seed, first + static_cast<uint64_t>(i), options.shots, options.queries);
      const auto write = [&](const std::vector<float>& from, torch::Tensor to) {
        std::copy(from.begin(), from.end(), to.mutable_data_ptr<float>());
      };
      write(episode.support_x, batch.support_x[i]);
      write(episode.support_y, batch.support_y[i]);
      write(episode.query_x, batch.query_x[i]);
      write(episode.query_y, batch.query_y[i]);
    }
    return batch;
  }

  EpisodeTruth Truth(DataSplit split, uint64_t seed, uint64_t index,
                     const EpisodeOptions& /*options*/, std::span<const double> x) const override {
    const RegressionTask task = DrawEpisode(*family_, split, seed, index, 0, 0).task;
    EpisodeTruth truth;
    for (size_t i = 0; i < task.values.size(); ++i) {
      truth.parameters.emplace_back(family_->parameters()[i], task.values[i]);
    }
    const auto inputs = static_cast<size_t>(family_->input_size()),
               outputs = static_cast<size_t>(family_->output_size());
    truth.values.resize(x.size() / inputs * outputs);
    for (size_t i = 0; i < x.size() / inputs; ++i) {
      family_->Evaluate(task, &x[i * inputs], &truth.values[i * outputs]);
    }
    return truth;
  }

 private:
  std::unique_ptr<RegressionFamily> family_;
  EpisodeForm form_;
  std::string hash_;
};

}  // namespace

std::unique_ptr<EpisodeSource> MakeExampleSource(std::unique_ptr<ExampleSet> set,
                                                 Rotations rotations) {
  if (set->targets() > 0) {
    if (rotations != Rotations::kNone) {
      throw Error(ErrorKind::kUsage, "rows cannot be turned",
                  {.key = "rotations", .remedy = "Set rotations = \"none\""});
    }
    return std::make_unique<RowSource>(std::move(set));
  }
  return std::make_unique<ExampleSource>(std::move(set), rotations);
}

std::unique_ptr<EpisodeSource> MakeFunctionSource(std::unique_ptr<RegressionFamily> family,
                                                  const std::string& definition) {
  return std::make_unique<FunctionSource>(std::move(family), definition);
}

}  // namespace fewstep
