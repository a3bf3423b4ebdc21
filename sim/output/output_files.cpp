#include "sim/output/output_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "core/error.h"

namespace bitjoule {
namespace {

namespace fs = std::filesystem;

Error not_written(const std::string& path, int reason) {
  return input_error(fmt::format("{}: cannot be written: {}", path, std::strerror(reason)));
}

/// 0, or the system's error.
int write_all(int file, std::string_view text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(file, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) return errno;
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  return 0;
}

/// 0, or the system's error. What cannot be synced at all (a pipe, some file systems' directories)
/// is as safe as it gets.
int sync_file(int file) {
  return ::fsync(file) == 0 || errno == EINVAL || errno == EROFS ? 0 : errno;
}

/// A file that is closed whatever happens. What fails first is kept.
class OpenFile {
 public:
  explicit OpenFile(int file) : file_(file), failure_(file < 0 ? errno : 0) {}
  ~OpenFile() {
    if (file_ >= 0) ::close(file_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  void write(std::string_view text) {
    if (failure_ == 0) failure_ = write_all(file_, text);
  }
  void sync() {
    if (failure_ == 0) failure_ = sync_file(file_);
  }
  /// 0, or the system's error.
  int close() {
    if (file_ >= 0 && ::close(std::exchange(file_, -1)) != 0 && failure_ == 0) failure_ = errno;
    return failure_;
  }

 private:
  int file_, failure_;
};

TextWriter writer_of(const std::string& text) {
  return [&text](const std::function<void(std::string_view)>& sink) { sink(text); };
}

/// Writes to a device or a pipe; 0, or the system's error.
int write_special(const std::string& path, const TextWriter& write) {
  OpenFile file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  write([&file](std::string_view text) { file.write(text); });
  return file.close();
}

/// Makes a file of this process's own and waits until it is on the disk, where asked to; 0, or the
/// system's error.
int write_partial(const std::string& path, const TextWriter& write, bool is_synced = true) {
  const auto create = [&] {
    return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  };
  int created = create();
  if (created < 0 && errno == EEXIST) {  // of a process with this number that was killed
    ::unlink(path.c_str());
    created = create();
  }
  OpenFile file(created);
  write([&file](std::string_view text) { file.write(text); });
  if (is_synced) file.sync();
  return file.close();
}

std::string directory_of(const std::string& path) {
  const std::string directory = fs::path(path).parent_path().string();
  return directory.empty() ? "." : directory;
}

}  // namespace

std::string partial_name(const std::string& path, int process) {
  static const std::string host = [] {
    char name[64] = "";
    ::gethostname(name, sizeof name - 1);
    return std::string(name);
  }();
  return fmt::format("{}.{}.{}.partial", path, host, process);
}

void write_partial_file(const std::string& partial, const std::string& text) {
  const int failure = write_partial(partial, writer_of(text), false);
  if (failure == 0) return;
  ::unlink(partial.c_str());
  throw not_written(partial, failure);
}

void take_places(const std::string& directory, const std::vector<PartialFile>& files) {
  if (files.empty()) return;
  const int file = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) throw not_written(directory, errno);
  const auto closed = [file](const std::string& path, int failure) {
    ::close(file);
    if (failure != 0) throw not_written(path, failure);
  };
  if (::syncfs(file) != 0) closed(directory, errno);
  for (const PartialFile& one : files)
    if (std::rename(one.partial.c_str(), one.path.c_str()) != 0) closed(one.path, errno);
  closed(directory, sync_file(file));
}

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

void sync_directory(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) throw not_written(path, errno);
  const int failure = sync_file(file);
  ::close(file);
  if (failure != 0) throw not_written(path, failure);
}

namespace {

void put_in_place(const std::string& path, const std::string& text, bool is_synced) {
  const std::string partial = partial_name(path, ::getpid());
  int failure = write_partial(partial, writer_of(text), is_synced);
  if (failure == 0 && std::rename(partial.c_str(), path.c_str()) != 0) failure = errno;
  if (failure == 0) return;
  ::unlink(partial.c_str());
  throw not_written(path, failure);
}

}  // namespace

void write_atomically(const std::string& path, const std::string& text) {
  put_in_place(path, text, true);
  sync_directory(directory_of(path));
}

void write_whole(const std::string& path, const std::string& text) {
  put_in_place(path, text, false);
}

OutputFiles::~OutputFiles() {
  for (const Staged& file : staged_) ::unlink(file.partial.c_str());
}

void OutputFiles::add(const std::string& path, const std::string& text) {
  add(path, writer_of(text));
}

void OutputFiles::add(const std::string& path, const TextWriter& write) {
  const std::string target = behind_links(path);
  if (is_special_file(target)) {
    if (const int failure = write_special(target, write)) throw not_written(path, failure);
    return;
  }
  if (fs::is_directory(target)) throw input_error(path + ": is a directory");
  staged_.push_back({path, target, partial_name(target, ::getpid())});
  if (const int failure = write_partial(staged_.back().partial, write))
    throw not_written(path, failure);
}

std::vector<std::string> OutputFiles::names() const {
  std::vector<std::string> names;
  for (const Staged& file : staged_) names.push_back(file.name);
  return names;
}

void OutputFiles::take_places() {
  if (staged_.size() > 1) ::unlink(staged_.back().target.c_str());
  std::set<std::string> directories;
  for (const Staged& file : staged_) directories.insert(directory_of(file.target));
  while (!staged_.empty()) {
    const Staged& file = staged_.front();
    if (std::rename(file.partial.c_str(), file.target.c_str()) != 0)
      throw not_written(file.name, errno);
    staged_.erase(staged_.begin());
  }
  for (const std::string& directory : directories) sync_directory(directory);
}

}  // namespace bitjoule
