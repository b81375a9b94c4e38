// An adaptation curve as it is shown and saved.
#pragma once

#include <span>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "experiments/reports/table.h"
#include "experiments/running/evaluation.h"

namespace fewstep {

// "Tasks: ...": how many, of which split, and whether they were trained on. Belongs beside every
// figure that is shown.
std::string TasksNote(const AdaptationCurve& curve);

// What stands below the table: what the intervals are, and "Trial return of 10 episodes: ..." of a
// trial.
std::string CurveNote(const AdaptationCurve& curve);
// "With support statistics (inductive): 0.2062 ± 0.0110, ...": after each unit, with its interval.
std::string OtherModeNote(const FewShotProtocol::OtherMode& other);

// The table of a long curve has some of its rows, the JSON has all.
Table CurveTable(const AdaptationCurve& curve);
std::string CurveJson(const AdaptationCurve& curve, int64_t iteration);
std::string CurveSvg(const AdaptationCurve& curve, const std::string& title);

// What was judged and how, in the keys of CurveJson: the family, the tasks, the protocol.
nlohmann::ordered_json ProtocolJson(const AdaptationCurve& curve, int64_t iteration);

// "Trial return of 10 episodes by seed: ...\n" of runs whose judged episodes are a trial, else "";
// `json` gets them as "trial_returns".
std::string TrialNote(std::span<const AdaptationCurve* const> runs, nlohmann::ordered_json& json);

// One evaluation on stdout, with what the reader must know.
void PrintCurve(const AdaptationCurve& curve, int64_t iteration);

}  // namespace fewstep
