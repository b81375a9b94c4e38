#include "envs/declarative/terms.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace fewstep::declarative {
namespace {

// The target's numbers.
void ReadTarget(const Target& target, const Simulation& s, double* out) noexcept {
  switch (target.kind) {
    case Target::Kind::kNumbers:
      std::copy(target.numbers.begin(), target.numbers.end(), out);
      return;
    case Target::Kind::kTask:
      std::copy_n(s.task + target.parameter, target.size, out);
      return;
    case Target::Kind::kSignal:
      ReadSignal(target.signal, s, out);
      return;
    case Target::Kind::kNone:
      return;
  }
}

double Length(const double* vector, int size, Norm norm) noexcept {
  // one number has no rounding
  if (size == 1) return norm == Norm::kSquared ? vector[0] * vector[0] : std::abs(vector[0]);
  double sum = 0;
  for (int i = 0; i < size; ++i) {
    sum += norm == Norm::kL1 ? std::abs(vector[i]) : vector[i] * vector[i];
  }
  return norm == Norm::kL2 ? std::sqrt(sum) : sum;
}

double Distance(const Term& term, const Simulation& s) noexcept {
  double at[kMaxSignal], target[kMaxSignal] = {};
  ReadSignal(term.of, s, at);
  ReadTarget(term.target, s, target);
  for (int i = 0; i < term.of.size(); ++i) at[i] -= target[i];
  return Length(at, term.of.size(), term.options.norm);
}

// Speed along a direction: what the target is, or where it lies when it is a signal.
double VelocityTowards(const Term& term, const Simulation& s) noexcept {
  const int size = term.of.size();
  double velocity[kMaxSignal], direction[kMaxSignal] = {};
  ReadSignal(term.of, s, velocity);
  ReadTarget(term.target, s, direction);
  if (term.target.kind == Target::Kind::kSignal) {
    double at[kMaxSignal];
    ReadPresent(term.of, s.data, at);
    for (int i = 0; i < size; ++i) direction[i] -= at[i];
    const double length = Length(direction, size, Norm::kL2);
    for (int i = 0; i < size && length > 0; ++i) direction[i] /= length;
  } else if (size == 2 && term.target.size == 1) {
    const double angle = direction[0];
    direction[0] = std::cos(angle);
    direction[1] = std::sin(angle);
  }
  double speed = direction[0] * velocity[0];
  for (int i = 1; i < size; ++i) speed += direction[i] * velocity[i];
  return speed;
}

double Tolerance(const Term& term, const Simulation& s) noexcept {
  const TermOptions& o = term.options;
  double value;
  if (term.target.kind == Target::Kind::kNone) {
    ReadSignal(term.of, s, &value);
  } else {
    value = Distance(term, s);
  }
  const double low = o.bounds[0], high = o.bounds[1];
  if (value >= low && value <= high) return 1;
  if (o.margin == 0) return 0;
  const double beyond = (value < low ? low - value : value - high) / o.margin;
  return FalloffValue(o.falloff, beyond * term.falloff_scale);
}

double ControlCost(const Simulation& s) noexcept {
  double squares = 0;
  for (int i = 0; i < s.model->nu; ++i) squares += s.data->ctrl[i] * s.data->ctrl[i];
  return squares;
}

}  // namespace

double ContactCost(const mjModel* model, mjData* data) noexcept {
  mj_rnePostConstraint(model, data);
  double cost = 0;
  for (int i = 0; i < 6 * model->nbody; ++i) {
    const double force = std::clamp(data->cfrc_ext[i], -1.0, 1.0);
    cost += force * force;
  }
  return cost;
}

double FalloffScale(Falloff falloff, double value) {
  switch (falloff) {
    case Falloff::kGaussian:
      return std::sqrt(-2 * std::log(value));
    case Falloff::kHyperbolic:
      return std::acosh(1 / value);
    case Falloff::kLongTail:
      return std::sqrt(1 / value - 1);
    case Falloff::kReciprocal:
      return 1 / value - 1;
    case Falloff::kCosine:
      return std::acos(2 * value - 1) / std::numbers::pi;
    case Falloff::kLinear:
      return 1 - value;
    case Falloff::kQuadratic:
      return std::sqrt(1 - value);
    case Falloff::kTanhSquared:
      return std::atanh(std::sqrt(1 - value));
  }
  return 1;
}

double FalloffValue(Falloff falloff, double x) noexcept {
  switch (falloff) {
    case Falloff::kGaussian:
      return std::exp(-0.5 * x * x);
    case Falloff::kHyperbolic:
      return 1 / std::cosh(x);
    case Falloff::kLongTail:
      return 1 / (x * x + 1);
    case Falloff::kReciprocal:
      return 1 / (std::abs(x) + 1);
    case Falloff::kCosine:
      return std::abs(x) < 1 ? (1 + std::cos(std::numbers::pi * x)) / 2 : 0;
    case Falloff::kLinear:
      return std::abs(x) < 1 ? 1 - x : 0;
    case Falloff::kQuadratic:
      return std::abs(x) < 1 ? 1 - x * x : 0;
    case Falloff::kTanhSquared:
      return 1 - std::tanh(x) * std::tanh(x);
  }
  return 0;
}

double Evaluate(const Term& term, const Simulation& s) noexcept {
  switch (term.options.kind) {
    case TermKind::kValue: {
      double value;
      ReadSignal(term.of, s, &value);
      return value;
    }
    case TermKind::kDistance:
      return Distance(term, s);
    case TermKind::kVelocityTowards:
      return VelocityTowards(term, s);
    case TermKind::kTolerance:
      return Tolerance(term, s);
    case TermKind::kControlCost:
      return ControlCost(s);
    case TermKind::kContactCost:
      return s.memory[term.contact_memory];
    case TermKind::kAlive:
      return 1;
    case TermKind::kSuccess:
      return Distance(term, s) <= term.options.radius ? 1 : 0;
  }
  return 0;
}

std::string Formula(const Term& term) {
  const TermOptions& o = term.options;
  const std::string of = term.of.text;
  const std::string difference =
      term.target.kind == Target::Kind::kNone ? of : fmt::format("{} - {}", of, term.target.text);
  const auto distance = [&] {
    switch (o.norm) {
      case Norm::kL1:
        return fmt::format("|{}|_1", difference);
      case Norm::kSquared:
        return fmt::format("|{}|^2", difference);
      default:
        return fmt::format("|{}|", difference);
    }
  };
  const auto body = [&]() -> std::string {
    switch (o.kind) {
      case TermKind::kValue:
        return of;
      case TermKind::kDistance:
        return distance();
      case TermKind::kVelocityTowards:
        return fmt::format("{} along {}", of, term.target.text);
      case TermKind::kTolerance:
        return fmt::format("tolerance({}, [{}, {}], margin {}, {} {} there)",
                           term.target.kind == Target::Kind::kNone ? of : distance(), o.bounds[0],
                           o.bounds[1], o.margin, NameOf(kFalloffNames, o.falloff),
                           o.value_at_margin);
      case TermKind::kControlCost:
        return "|ctrl|^2";
      case TermKind::kContactCost:
        return "|clip(contact forces, -1, 1)|^2";
      case TermKind::kAlive:
        return "1";
      case TermKind::kSuccess:
        return fmt::format("[{} <= {}]", distance(), o.radius);
    }
    return "";
  };
  return fmt::format("{} {}", o.weight, body());
}

}  // namespace fewstep::declarative
