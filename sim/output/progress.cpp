#include "sim/output/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

namespace bitjoule {

std::string duration_text(double seconds) {
  const long s = std::lround(seconds);
  return s < 3600 ? fmt::format("{}:{:02}", s / 60, s % 60)
                  : fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

ProgressLine::ProgressLine(bool is_quiet) : is_shown_(!is_quiet && isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() {
  if (has_line_) std::fprintf(stderr, "\r\033[K");
}

void ProgressLine::show(double share, const std::string& what) {
  using namespace std::chrono;
  if (!is_shown_) return;
  const auto now = Clock::now();
  if (now - start_ < seconds(1) || now - shown_ < milliseconds(200)) return;
  shown_ = now;
  has_line_ = true;
  const double spent = duration<double>(now - start_).count();
  fmt::print(stderr, "\r\033[K{:.0f} % done, {} left: {}", share * 100,
             share > 0 ? duration_text(spent / share * (1 - share)) : "?", what);
  std::fflush(stderr);
}

}  // namespace bitjoule
