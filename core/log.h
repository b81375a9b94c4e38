// Messages for the person at the keyboard, on stderr. Results go to stdout elsewhere.
#pragma once

#include <string_view>

namespace fewstep {

enum class LogLevel { kQuiet, kNormal, kDebug };
void SetLogLevel(LogLevel level);

void LogInfo(std::string_view message);
void LogWarning(std::string_view message);
void LogDebug(std::string_view message);

}  // namespace fewstep
