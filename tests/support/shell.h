// Tests of the program as a user runs it: commands, temporary directories, what is in them.
#pragma once

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "support/paths.h"

namespace bitjoule::test {

namespace fs = std::filesystem;

/// A directory that is gone when the test ends.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (fs::temp_directory_path() / "bitjoule-sweep-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TemporaryDirectory() { fs::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  std::string at(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

inline std::string text_of(const fs::path& path) {
  std::ostringstream all;
  all << std::ifstream(path, std::ios::binary).rdbuf();
  return all.str();
}

struct Outcome {
  int code;
  std::string text;
};

/// Runs a shell command; `{sim}` stands for the program.
inline Outcome shell(std::string command) {
  for (std::size_t at; (at = command.find("{sim}")) != std::string::npos;)
    command.replace(at, 5, "'" + sim_program() + "'");
  FILE* pipe = popen(("exec 2>&1; " + command).c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  char buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, n);
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text};
}

/// Runs a command with the fault library (tests/support/fault.cpp); `settings` are its variables.
inline Outcome shell_with_faults(const std::string& settings, const std::string& command) {
  return shell("env ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 LD_PRELOAD='" +
               fault_library() + "' " + settings + " " + command);
}

/// Every file below a directory that is not half-written, by relative path.
inline std::map<std::string, std::string> contents(const std::string& directory) {
  std::map<std::string, std::string> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory))
    if (entry.is_regular_file() && entry.path().extension() != ".partial")
      files[entry.path().lexically_relative(directory).string()] = text_of(entry.path());
  return files;
}

/// Returns the file's path.
inline std::string write_file(const TemporaryDirectory& dir, const std::string& name,
                              const std::string& text) {
  std::ofstream(dir.at(name)) << text;
  return dir.at(name);
}

}  // namespace bitjoule::test
