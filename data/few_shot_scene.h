// An episode of few-shot learning and what a learner makes of it, as plain numbers: what pictures
// of it are drawn from.
#pragma once

#include <string>
#include <vector>

#include "data/example_set.h"

namespace fewstep {

// What is there before anything is predicted. Immutable once made.
struct FewShotScene {
  ExampleShape shape;                // of an example, or of an x
  int64_t outputs = 0;               // numbers of a y; 0: examples of classes
  std::string task;                  // in words: "amplitude 3.21, phase 0.42", "5 ways, 1 shot"
  std::vector<std::string> classes;  // [N], by label
  std::vector<float> support_x, query_x;          // [S, shape], [Q, shape]
  std::vector<int> support_labels, query_labels;  // [S], [Q], of classes
  std::vector<float> support_y, query_y;          // [S, O], [Q, O], of functions
  // A function of one number to one number: x in ascending order, and the truth there, [G].
  std::vector<double> grid_x, grid_y;

  bool classifies() const { return outputs == 0; }
  size_t num_support() const { return Examples(support_x); }
  size_t num_queries() const { return Examples(query_x); }

 private:
  size_t Examples(const std::vector<float>& x) const {
    return x.size() / static_cast<size_t>(shape.size());
  }
};

// What is predicted of it after some units of adaptation.
struct FewShotPrediction {
  double score = 0;           // as evaluations have it: accuracy, or the mean squared error
  std::vector<double> query;  // [Q, N] probabilities of classes; [Q, O] values
  std::vector<double> grid;   // [G], where the scene has a grid
  double support_error = 0;   // of functions: the mean squared error at the support
};

// The most probable class of query `query`, and its probability.
struct PredictedClass {
  int label = 0;
  double probability = 0;
};
inline PredictedClass PredictedOf(const FewShotScene& scene, const FewShotPrediction& prediction,
                                  size_t query) {
  const double* row = &prediction.query[query * scene.classes.size()];
  PredictedClass best{0, row[0]};
  for (size_t label = 1; label < scene.classes.size(); ++label) {
    if (row[label] > best.probability) best = {static_cast<int>(label), row[label]};
  }
  return best;
}

}  // namespace fewstep
