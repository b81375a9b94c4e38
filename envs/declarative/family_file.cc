#include "envs/declarative/family_file.h"

#include "envs/declarative/randomization.h"
#include "envs/declarative/signals.h"
#include "envs/task_law.h"

namespace fewstep::declarative {
namespace {

constexpr double kMany = 1e9;
constexpr ChoiceName<TaskChange::Kind> kChangeNames[] = {{"redraw", TaskChange::Kind::kRedraw},
                                                         {"drift", TaskChange::Kind::kDrift}};
constexpr ChoiceName<TaskChange::Clock> kClockNames[] = {
    {"steps", TaskChange::Clock::kSteps}, {"episodes", TaskChange::Clock::kEpisodes}};

}  // namespace

void HeadOptions::Visit(FieldVisitor& v) {
  v.Field("name", name,
          {.help = "What recipes call the family: what it is and whose definition, as "
                   "\"arm-reach@me\"."});
  v.Field("summary", summary, {.help = "One sentence."});
  v.Field("source", source, {.help = "The publication or code that defines it; may be empty."});
  v.Field("horizon", horizon,
          {.help = "Control steps of an episode.",
           .unit = "control steps",
           .min = 0,
           .max = static_cast<double>(kMaxHorizon)});
  v.Field("trial_episodes", trial_episodes,
          {.help = "Episodes that an agent spends on one task.",
           .unit = "episodes",
           .min = 1,
           .max = static_cast<double>(kMaxTrialEpisodes)});
}

void SimulationOptions::Visit(FieldVisitor& v) {
  v.Field("model", model, {.help = "The MJCF file, in the folder of the family."});
  v.Field("frame_skip", frame_skip,
          {.help = "Physics steps a control step.", .unit = "steps", .min = 1, .max = 10000});
  v.Field("total_mass", total_mass,
          {.help = "Scales every mass and inertia by one factor to this sum; 0 leaves them.",
           .unit = "kg",
           .min = 0,
           .max = kMany});
}

void LawOptions::Visit(FieldVisitor& v) {
  v.Field("uniform", uniform, {.help = "[low, high]; of a vector [[lows], [highs]]."});
  v.Field("log_uniform", log_uniform,
          {.help = "[low, high], both positive: the logarithm is uniform."});
  v.Field("normal", normal,
          {.help = "[mean, deviation], drawn again until within 3 deviations of the mean."});
  v.Field("choice", choice,
          {.help = "Values of which each is as likely as the others; of a vector an array each."});
}

bool LawOptions::given() const {
  return !uniform.shape.empty() || !log_uniform.shape.empty() || !normal.shape.empty() ||
         !choice.shape.empty();
}

void ParameterOptions::Visit(FieldVisitor& v) {
  v.Field("name", name, {.help = "What the rest of the file calls it."});
  v.Field("unit", unit, {.help = "Of its numbers, as \"m/s\"; may be empty."});
  v.Field("components", components,
          {.help = "Names of a vector's numbers; without them x, y, z, or 0, 1, 2, ..."});
  v.Table("train", train);
  v.Table("test", test);
  v.Table("ood", ood);
  v.Field("valid", valid,
          {.help = "[low, high] that a task may hold, where that is more than what it is drawn "
                   "from."});
}

void TaskListOptions::Visit(FieldVisitor& v) {
  v.Field("train", train,
          {.help = "Training tasks as a list: a row a task, with the numbers of all parameters in "
                   "order. In place of the parameters' own laws."});
  v.Field("test", test, {.help = "Held-out tasks as a list; without it those of training."});
  v.Field("ood", ood, {.help = "Out-of-distribution tasks as a list."});
}

void RandomizationOptions::Visit(FieldVisitor& v) {
  v.Field("quantity", quantity,
          {.help = "What of the model a task changes.", .choices = QuantityNames()});
  v.Field("objects", objects,
          {.help = "Names of the bodies, geoms, joints, actuators or sites; * stands for any "
                   "letters. None for gravity, wind, density and viscosity."});
  v.Field("parameter", parameter, {.help = "Whose number it takes."});
  v.Choice("how", how, kHowNames,
           {.help = "Whether the number multiplies the value in model.xml, takes its place or is "
                    "added to it."});
  v.Field("keep_total", keep_total,
          {.help = "body_mass: scales the named bodies afterwards so that their sum stays."});
}

void ChangeOptions::Visit(FieldVisitor& v) {
  v.Choice("kind", kind, kChangeNames,
           {.help = "How the task changes while a trial goes on: drawn anew from the law of "
                    "training, or a random walk reflected at the ends of what is valid."});
  v.Choice("clock", clock, kClockNames,
           {.help = "What is counted: control steps of the trial, each episode as long as the "
                    "horizon, or its episodes."});
  v.Field("every", every,
          {.help = "After how many of them it changes; 0: never.", .min = 0, .max = kMany});
  v.Field("parameters", parameters, {.help = "Which parameters change; without it all."});
  v.Field("drift", drift,
          {.help = "Standard deviation of a step of the walk; one number, or one a parameter.",
           .min = 0});
}

void NoiseOptions::Visit(FieldVisitor& v) {
  v.Choice("of", of, kNoiseOfNames, {.help = "What the noise is added to."});
  v.Choice("law", law, kNoiseLawNames, {.help = "Uniform in [-scale, scale], or scale N(0, 1)."});
  v.Field("scale", scale, {.help = "How much.", .min = 0, .max = kMany});
  v.Field("joints", joints, {.help = "Of which joints, by name; * stands for any letters."});
}

void ResetOptions::Visit(FieldVisitor& v) {
  v.Field("keyframe", keyframe,
          {.help = "Keyframe of the model that episodes start from; without it the model's own "
                   "positions, at rest."});
  ListOf<NoiseOptions> list(noise);
  v.List("noise", list);
}

void ActionOptions::Visit(FieldVisitor& v) {
  v.Field("scale", scale,
          {.help = "The policy's output in [-scale, scale] spans each actuator's ctrlrange, or "
                   "[-1, 1] where it has none; more is clipped.",
           .min = 1e-9,
           .max = kMany});
  v.Field("choices", choices,
          {.help = "Discrete actions: a row of the actuators' controls a choice."});
}

void ObservationOptions::Visit(FieldVisitor& v) {
  v.Field("of", of, {.help = "qpos, qvel or ctrl for all of them, or a signal."});
  v.Field("except", except, {.help = "With qpos and qvel: joints that are left out."});
  v.Field("relative_to", relative_to, {.help = "A signal of the same size that is subtracted."});
  v.Field("scale", scale, {.help = "Factor of the numbers."});
}

void TermOptions::Visit(FieldVisitor& v) {
  v.Choice("kind", kind, kTermNames,
           {.help = "value: the signal `of`. distance: of `of` from the target. velocity_towards: "
                    "speed of `of` along the target. tolerance: 1 within bounds, less outside. "
                    "control_cost: sum of ctrl^2. contact_cost: sum of the squares of contact "
                    "forces on bodies, each clipped to [-1, 1]. alive: 1. success: 1 where `of` is "
                    "within radius of the target."});
  v.Field("name", name, {.help = "Of its metric; without it the kind."});
  v.Field("weight", weight, {.help = "The reward is the sum of weight times term."});
  v.Field("of", of, {.help = "A signal."});
  v.Field(
      "to", to,
      {.help = "The target: a parameter, or a signal. velocity_towards goes towards a signal; a "
               "parameter or numbers are its direction, taken as they are (of length 1 for a speed "
               "in m/s), or one angle (rad) in the plane."});
  v.Field("target", target, {.help = "The target as numbers, in place of to."});
  v.Choice("norm", norm, kNormNames, {.help = "How a distance is measured."});
  v.Field("bounds", bounds, {.help = "tolerance: [low, high] in which it is 1."});
  v.Field("margin", margin,
          {.help = "tolerance: how far outside it has fallen to value_at_margin; 0: to 0 at once.",
           .min = 0});
  v.Choice("falloff", falloff, kFalloffNames,
           {.help = "tolerance: the shape, as in dm_control's rewards.tolerance."});
  v.Field("value_at_margin", value_at_margin, {.help = "tolerance.", .min = 0, .max = 1});
  v.Field("radius", radius, {.help = "success: the largest distance.", .min = 0});
  v.Field("ends_episode", ends_episode, {.help = "success: it is a terminal state."});
}

void TerminationOptions::Visit(FieldVisitor& v) {
  v.Field("of", of, {.help = "A signal of one number."});
  v.Field("below", below, {.help = "The episode ends where it is less."});
  v.Field("above", above, {.help = "The episode ends where it is more."});
}

void MetricOptions::Visit(FieldVisitor& v) {
  v.Field("name", name, {.help = "What is reported beside the reward's terms."});
  v.Field("of", of, {.help = "A signal of one number."});
}

void DrawingOptions::Visit(FieldVisitor& v) {
  v.Field("goal", goal,
          {.help = "A parameter of two or three numbers that is a place: a ball in the picture."});
  v.Field("radius", radius, {.help = "Of the ball.", .unit = "m", .min = 0, .max = kMany});
  v.Field("height", height, {.help = "z of a goal of two numbers.", .unit = "m"});
  v.Field("target", target,
          {.help = "A parameter of one number that a metric is to reach: a plot of both."});
  v.Field("measured", measured, {.help = "That metric: a name of a [[reward]] or a [[metric]]."});
  v.Field("axis", axis,
          {.help = "Where a positive value points in the world: both are arrows as well."});
  v.Field("direction", direction, {.help = "Only the sign of the target is asked for."});
}

void FamilyFile::Visit(FieldVisitor& v) {
  v.Table("family", family);
  v.Table("simulation", simulation);
  ListOf<ParameterOptions> parameter_list(parameters);
  v.List("parameter", parameter_list);
  v.Table("tasks", tasks);
  ListOf<RandomizationOptions> randomization_list(randomizations);
  v.List("randomization", randomization_list);
  v.Table("change", change);
  v.Table("reset", reset);
  v.Table("action", action);
  ListOf<ObservationOptions> observation_list(observations);
  v.List("observation", observation_list);
  ListOf<TermOptions> reward_list(rewards);
  v.List("reward", reward_list);
  ListOf<TerminationOptions> termination_list(terminations);
  v.List("termination", termination_list);
  ListOf<MetricOptions> metric_list(metrics);
  v.List("metric", metric_list);
  v.Table("drawing", drawing);
}

}  // namespace fewstep::declarative
