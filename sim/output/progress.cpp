#include "sim/output/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>

#include "sim/config/utf8.h"
#include "sim/output/terminal.h"

namespace bitjoule {

std::string duration_text(double seconds) {
  const long s = std::lround(seconds);
  return s < 3600 ? fmt::format("{}:{:02}", s / 60, s % 60)
                  : fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

std::string progress_text(double share, double seconds) {
  constexpr double kLeastShare = 0.01;  // before that, what starts up weighs too much
  if (share < kLeastShare) return "less than 1 % done";
  return fmt::format("{:.0f} % done, about {} left", share * 100,
                     duration_text(seconds / share * (1 - share)));
}

ProgressLine::ProgressLine()
    : is_shown_(verbosity() != Verbosity::kQuiet && isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() {
  if (has_line_) print_progress("\r\033[K");
}

void ProgressLine::show(double share, const std::string& what) {
  using namespace std::chrono;
  if (!is_shown_) return;
  const auto now = Clock::now();
  if (now - start_ < seconds(1) || now - shown_ < milliseconds(200)) return;
  shown_ = now;
  has_line_ = true;
  const double spent = duration<double>(now - start_).count();
  print_progress(fmt::format("\r\033[K{}: {}", progress_text(share, spent), printable_line(what)));
}

}  // namespace bitjoule
