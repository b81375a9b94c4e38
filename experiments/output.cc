#include "experiments/output.h"

#include <cerrno>
#include <span>
#include <string>
#include <sys/ioctl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "core/file_io.h"

namespace fewstep {

void Print(std::string_view text) {
  const int error = internal::WriteFully(STDOUT_FILENO, std::as_bytes(std::span(text)));
  if (error != 0 && error != EPIPE) {
    internal::ThrowIoError("stdout", "write the result", error, text.size());
  }
}

size_t OutputWidth() {
  winsize size{};
  const bool known = isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  return known && size.ws_col > 0 ? size.ws_col : kAnyWidth;
}

std::string FittedText(const Table& table) { return table.Text(OutputWidth()); }

std::string ToText(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace fewstep
