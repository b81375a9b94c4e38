// The progress of a long run on stderr: one line that rewrites itself on a terminal, plain lines at
// intervals elsewhere (a log file, a pipe, TERM=dumb). Failures to write are ignored: progress is
// no result. Respects NO_COLOR (no-color.org).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace fewstep {

struct ProgressOptions {
  bool quiet = false;              // print nothing
  std::string item = "iteration";  // what is counted
  std::string effort_unit = {};    // of ProgressUpdate::effort, for a rate: "steps"; empty: none
  int file_descriptor = 2;         // where to print; not owned
  double plain_interval = 10.0;    // seconds between plain lines, unless 5 % of the run passed
  double live_interval = 0.1;      // seconds between rewrites of the live line
  std::function<double()> clock;   // seconds from any origin, never backwards; empty: steady clock
};

struct ProgressUpdate {
  int64_t iteration = 0;     // iterations done so far, of the whole run
  double effort = 0;         // spent so far by this process
  std::string summary = {};  // what the latest iteration came to: "return -1.4 -> 191.2"
};

// Not thread-safe. Starts its clock when made.
class Progress {
 public:
  // A run of `total` iterations, of which `first` were done before this process started.
  Progress(int64_t first, int64_t total, ProgressOptions options = {});
  // Ends the live line, so that what follows starts on a line of its own.
  ~Progress() { Finish(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Prints when it is time to, and always at the last iteration.
  void Update(const ProgressUpdate& update);

  // Prints the last update if it was held back, and ends the live line. Idempotent.
  void Finish();

  // Removes the live line before other output goes to the terminal; the next update redraws it.
  void Clear();

  bool live() const { return live_; }

 private:
  std::string Line(int width, bool color) const;
  void Print();

  const int64_t first_;
  const int64_t total_;
  ProgressOptions options_;
  bool live_ = false;
  bool color_ = false;
  double start_ = 0.0;         // of the clock
  ProgressUpdate last_;        // the newest update ...
  double last_time_ = 0.0;     // ... and when it came
  bool pending_ = false;       // it is not printed yet
  int64_t printed_iteration_;  // the newest printed update ...
  double printed_time_ = 0.0;  // ... and when it came
  bool on_line_ = false;       // the cursor is at the end of a live line
};

// Seconds as h:mm:ss or m:ss; "-:--" for negative or non-finite ones.
std::string FormatDuration(double seconds);

}  // namespace fewstep
