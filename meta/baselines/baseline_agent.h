// Agents that are not trained, behind the interface of those that are: one evaluator serves both.
#pragma once

#include <memory>

#include "meta/baselines/tabular_learner.h"
#include "meta/meta_agent.h"

namespace fewstep {

// One learner a task. A unit of adaptation is an episode, after which every learner chooses its
// next table; learner t draws from rng.Fork("choose", unit).Fork("task", t) of the deployment's
// stream. Nothing is saved and nothing is trained.
std::unique_ptr<MetaAgent> MakeTabularBaseline(const AgentContext& context, LearnerFactory factory);
// The same with learners that are told their tasks.
std::unique_ptr<MetaAgent> MakeTabularOracle(const AgentContext& context, OracleFactory factory);

// Acts at random in any family and never learns: evenly over choices, or with a normal distribution
// of mean 0 and standard deviation 1 in units of the policy's output, as an untrained policy does.
std::unique_ptr<MetaAgent> MakeRandomBaseline(const AgentContext& context);

}  // namespace fewstep
