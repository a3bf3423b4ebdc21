#include "sim/output/output_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "core/error.h"

namespace bitjoule {
namespace {

namespace fs = std::filesystem;

Error not_written(const std::string& path, int reason) {
  return input_error(fmt::format("{}: cannot be written: {}", path, std::strerror(reason)));
}

/// 0, or the system's error.
int write_all(int file, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(file, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) return errno;
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  return 0;
}

/// Replaces the content of `path`; 0, or the system's error.
int write_file(const std::string& path, const std::string& text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return errno;
  const int failure = write_all(file, text);
  return ::close(file) != 0 && failure == 0 ? errno : failure;
}

std::string partial_name(const std::string& path) {
  char host[64] = "";
  ::gethostname(host, sizeof host - 1);
  return fmt::format("{}.{}.{}.partial", path, host, ::getpid());
}

}  // namespace

bool is_special_file(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  return fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
}

std::string behind_links(const std::string& path) {
  std::error_code error;
  const fs::path target = fs::canonical(path, error);
  return error ? path : target.string();
}

void write_atomically(const std::string& path, const std::string& text) {
  const std::string partial = partial_name(path);
  int failure = write_file(partial, text);
  if (failure == 0 && std::rename(partial.c_str(), path.c_str()) != 0) failure = errno;
  if (failure == 0) return;
  ::unlink(partial.c_str());
  throw not_written(path, failure);
}

OutputFiles::~OutputFiles() {
  for (const Staged& file : staged_) ::unlink(file.partial.c_str());
}

void OutputFiles::add(const std::string& path, const std::string& text) {
  const std::string target = behind_links(path);
  if (is_special_file(target)) {
    if (const int failure = write_file(target, text)) throw not_written(path, failure);
    return;
  }
  if (fs::is_directory(target)) throw input_error(path + ": is a directory");
  staged_.push_back({path, target, partial_name(target)});
  if (const int failure = write_file(staged_.back().partial, text))
    throw not_written(path, failure);
}

void OutputFiles::take_places() {
  if (staged_.size() > 1) ::unlink(staged_.back().target.c_str());
  while (!staged_.empty()) {
    const Staged& file = staged_.front();
    if (std::rename(file.partial.c_str(), file.target.c_str()) != 0)
      throw not_written(file.name, errno);
    staged_.erase(staged_.begin());
  }
}

}  // namespace bitjoule
