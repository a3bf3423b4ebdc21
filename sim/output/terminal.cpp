#include "sim/output/terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <sstream>

#include "sim/config/utf8.h"

namespace bitjoule {
namespace {

std::string& lost() {
  static std::string text;
  return text;
}

bool& is_refused() {
  static bool refused = false;
  return refused;
}

bool& has_other_name() {
  static bool is_other = false;
  return is_other;
}

/// "sim run" as the user has to write it, where one of `before` stands before it.
std::string as_started(std::string text, std::initializer_list<const char*> before) {
  const std::string name = "sim ", other = "bitjoule ";
  if (!has_other_name()) return text;
  for (const std::string start : before)
    for (std::size_t at = 0; (at = text.find(start + name, at)) != std::string::npos;)
      text.replace(at += start.size(), name.size(), other);
  return text;
}

Verbosity& level() {
  static Verbosity verbosity = Verbosity::kNormal;
  return verbosity;
}

// SGR sequences of ECMA-48, 8.3.117.
constexpr const char *kBold = "\033[1m", *kRed = "\033[1;31m", *kYellow = "\033[1;33m",
                     *kPlain = "\033[0m";

std::string painted(const std::string& text, std::size_t size, const char* colour) {
  return colour + text.substr(0, size) + kPlain + text.substr(size);
}

/// What the stream does not take is lost(), unless nobody misses it.
void write_stream(int file, const std::string& text, bool is_missed = true) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(file, text.data() + done, text.size() - done);
    if (n >= 0) {
      done += static_cast<std::size_t>(n);
    } else if (errno != EINTR) {
      is_refused() = is_refused() || errno == EPIPE;
      if (is_missed && lost().empty())
        lost() = fmt::format("standard {}: cannot be written: {}",
                             file == STDOUT_FILENO ? "output" : "error", std::strerror(errno));
      return;
    }
  }
}

}  // namespace

void prepare_streams(const std::string& program) {
  has_other_name() = program.substr(program.rfind('/') + 1) == "bitjoule";
  ::signal(SIGPIPE, SIG_IGN);
  for (const int file : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    // Takes the lowest free number, which is the closed one's; for reading, so that writes fail.
    if (::fcntl(file, F_GETFD) < 0 && ::open("/dev/null", O_RDONLY) < 0) return;
}

void set_verbosity(Verbosity verbosity) { level() = verbosity; }

Verbosity verbosity() { return level(); }

bool is_coloured(int file) {
  const char *no_colour = std::getenv("NO_COLOR"), *terminal = std::getenv("TERM");
  return isatty(file) == 1 && (no_colour == nullptr || *no_colour == '\0') &&
         (terminal == nullptr || std::strcmp(terminal, "dumb") != 0);
}

std::size_t terminal_width() {
  constexpr std::size_t kLeast = 60, kUsual = 80;
  if (isatty(STDOUT_FILENO) != 1) return kUnlimited;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return std::max<std::size_t>(kLeast, size.ws_col);
  const char* const columns = std::getenv("COLUMNS");
  const unsigned long said = columns == nullptr ? 0 : std::strtoul(columns, nullptr, 10);
  return said > 0 ? std::max<std::size_t>(kLeast, said) : kUsual;
}

void print_text(const std::string& text) { write_stream(STDOUT_FILENO, printable(text)); }

void print_summary(const std::string& text) {
  if (verbosity() != Verbosity::kQuiet) print_text(text);
}

void print_help(const std::string& text) {
  const std::string shown = as_started(text, {" ", "`", "("});
  if (!is_coloured(STDOUT_FILENO)) return print_text(shown);
  std::istringstream lines(printable(shown));
  std::string out;
  for (std::string line; std::getline(lines, line);)
    out += (!line.empty() && line.back() == ':' && line.front() != ' '
                ? painted(line, line.size(), kBold)
                : line) +
           "\n";
  write_stream(STDOUT_FILENO, out);
}

void print_data(const std::string& text) {
  write_stream(STDOUT_FILENO, isatty(STDOUT_FILENO) == 1 ? printable(text) : text);
}

void print_error(const std::string& text) {
  std::string shown = printable(as_started(text, {"`", "error: see ", "; ", ": "}));
  if (is_coloured(STDERR_FILENO))
    for (const auto& [word, colour] : {std::pair("error:", kRed), std::pair("note:", kYellow)})
      if (shown.rfind(word, 0) == 0) shown = painted(shown, std::strlen(word), colour);
  write_stream(STDERR_FILENO, shown);
}

void print_done(const std::string& text) {
  if (verbosity() != Verbosity::kQuiet) write_stream(STDERR_FILENO, printable(text), false);
}

void print_detail(const std::string& text) {
  if (verbosity() == Verbosity::kVerbose) write_stream(STDERR_FILENO, printable(text), false);
}

void print_progress(const std::string& text) { write_stream(STDERR_FILENO, text); }

std::string lost_output() { return lost(); }

bool is_output_refused() { return is_refused(); }

}  // namespace bitjoule
