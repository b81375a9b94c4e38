// Published figures of the classical agents, to hold our own beside.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fewstep {

struct PublishedCell {
  double value = 0;
  double rounding = 0;  // half a unit of its last digit
};

// Bernoulli bandits: total reward of a trial of `pulls` pulls of `arms` arms. Tabular processes:
// return of a trial of `episodes` episodes over that of value iteration. Nothing where no figure
// was published.
std::optional<PublishedCell> PublishedBanditCell(std::string_view agent, int arms, int pulls);
std::optional<PublishedCell> PublishedMdpCell(std::string_view agent, int episodes);

inline constexpr const char* kPublishedSource =
    "Mishra et al., SNAIL, ICLR 2018, tables 3 and 4 (with Duan et al., RL^2, 2016), 1,000 trials";

}  // namespace fewstep
