// Colours of everything that is drawn.
#pragma once

#include <string>

#include "viewer/canvas.h"

namespace fewstep {

namespace theme {
inline constexpr Color kBackground{0.078f, 0.094f, 0.114f}, kPane{0.11f, 0.13f, 0.155f},
    kText{0.86f, 0.89f, 0.92f}, kFaint{0.55f, 0.60f, 0.66f}, kGrid{0.2f, 0.235f, 0.275f},
    kTarget{0.66f, 0.90f, 0.32f}, kMeasured{1.0f, 0.72f, 0.26f}, kTrail{1.0f, 0.72f, 0.26f},
    kShade{0.04f, 0.05f, 0.065f, 0.78f}, kBad{1.0f, 0.42f, 0.39f};
}  // namespace theme

// Of pane `index`: before adapting grey, then one apart from the others.
Color PaneColor(size_t index);

// Of what adapting has brought subject `index`.
Color SubjectColor(size_t index);

// What a body is tinted with whose task multiplies something of it by `factor`; alpha is how much.
Color TintOf(double factor);

// "1 episode", "3 gradient steps".
std::string CountOf(int count, const std::string& unit);

// "forward_velocity" as "forward velocity".
std::string Spaced(std::string name);

}  // namespace fewstep
