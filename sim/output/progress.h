// One line on a terminal about work that takes more than a second.
#pragma once

#include <chrono>
#include <string>

namespace bitjoule {

/// "MM:SS", or "H:MM:SS" from an hour on.
std::string duration_text(double seconds);
/// How much is done after so many seconds, and how long the rest takes where that can be told.
std::string progress_text(double share, double seconds);

/// Rewrites one line on standard error: what is done, and the time left if the rest goes as fast.
/// Writes nothing where standard error is no terminal or the user wants quiet.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// `share` of the work is done, 0..1. Cheap: prints five times a second at most.
  void show(double share, const std::string& what);

 private:
  using Clock = std::chrono::steady_clock;
  bool is_shown_;
  bool has_line_ = false;
  Clock::time_point start_ = Clock::now(), shown_ = start_;
};

}  // namespace bitjoule
