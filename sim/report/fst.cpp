#include "sim/report/fst.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "core/error.h"

namespace bitjoule {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConverter = "vcd2fst";

/// Where the converter is, or "".
std::string converter() {
  const char* path = std::getenv("PATH");
  std::istringstream places(path == nullptr ? "" : path);
  for (std::string place; std::getline(places, place, ':');) {
    std::string program = (place.empty() ? "." : place) + "/" + kConverter;
    if (::access(program.c_str(), X_OK) == 0) return program;
  }
  return "";
}

/// A directory that is gone at the end of the scope.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::error_code error;
    std::string pattern = (fs::temp_directory_path(error) / "bitjoule-fst-XXXXXX").string();
    if (error || mkdtemp(pattern.data()) == nullptr)
      throw input_error(fmt::format("{}: no temporary directory can be made", pattern));
    path_ = pattern;
  }
  ~ScratchDirectory() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  std::string at(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// Runs a program without output; whether it succeeded.
bool succeeds(const std::string& program, std::string from, std::string to) {
  posix_spawn_file_actions_t silent;
  posix_spawn_file_actions_init(&silent);
  for (const int file : {STDOUT_FILENO, STDERR_FILENO})
    posix_spawn_file_actions_addopen(&silent, file, "/dev/null", O_WRONLY, 0);
  std::string name = program;
  char* const arguments[] = {name.data(), from.data(), to.data(), nullptr};
  pid_t child = 0;
  const int failure = posix_spawn(&child, program.c_str(), &silent, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&silent);
  int status = 0;
  return failure == 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) &&
         WEXITSTATUS(status) == 0;
}

}  // namespace

void require_fst_converter() {
  if (converter().empty())
    throw input_error(
        fmt::format("--fst: {} is not installed; it is part of the package gtkwave "
                    "(apt-get install gtkwave), or write --vcd instead",
                    kConverter));
}

std::string fst_bytes(const std::string& vcd) {
  require_fst_converter();
  const ScratchDirectory scratch;
  const std::string from = scratch.at("wave.vcd"), to = scratch.at("wave.fst");
  // Without a date the converter writes the present one.
  std::ofstream out(from, std::ios::binary);
  out << "$date bitjoule $end\n" << vcd;
  out.close();
  std::ostringstream bytes;
  if (!out || !succeeds(converter(), from, to) ||
      !(bytes << std::ifstream(to, std::ios::binary).rdbuf()))
    throw input_error(fmt::format("--fst: {} did not convert {}", kConverter, from));
  return bytes.str();
}

}  // namespace bitjoule
