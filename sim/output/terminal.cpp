#include "sim/output/terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "sim/config/utf8.h"

namespace bitjoule {
namespace {

std::string& lost() {
  static std::string text;
  return text;
}

void write_stream(int file, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(file, text.data() + done, text.size() - done);
    if (n >= 0) {
      done += static_cast<std::size_t>(n);
    } else if (errno != EINTR) {
      if (lost().empty())
        lost() = fmt::format("standard {}: cannot be written: {}",
                             file == STDOUT_FILENO ? "output" : "error", std::strerror(errno));
      return;
    }
  }
}

}  // namespace

void prepare_streams() {
  ::signal(SIGPIPE, SIG_IGN);
  for (const int file : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    // Takes the lowest free number, which is the closed one's; for reading, so that writes fail.
    if (::fcntl(file, F_GETFD) < 0 && ::open("/dev/null", O_RDONLY) < 0) return;
}

void print_text(const std::string& text) { write_stream(STDOUT_FILENO, printable(text)); }

void print_data(const std::string& text) {
  write_stream(STDOUT_FILENO, isatty(STDOUT_FILENO) == 1 ? printable(text) : text);
}

void print_error(const std::string& text) { write_stream(STDERR_FILENO, printable(text)); }

void print_progress(const std::string& text) { write_stream(STDERR_FILENO, text); }

std::string lost_output() { return lost(); }

}  // namespace bitjoule
