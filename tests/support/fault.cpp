// Preloaded into a program and its forked workers by tests: lets something happen at an exact byte
// of what they write to files, so that a test needs no clock to hit any moment.
//
//   BITJOULE_FAULT=full:N     the disk is full after N bytes, for all of them
//   BITJOULE_FAULT=parent:N   at byte N the program is killed
//   BITJOULE_FAULT=worker:N   at byte N whoever writes it is killed
//   BITJOULE_FAULT=sync:N     after N calls of fsync() and syncfs() the disk fails
//   BITJOULE_SYNC_LOG=FILE    a line "write NAME", "sync NAME", "syncfs NAME" or "rename NAME" per
//                             call, in their order
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

char kind = 0;  // the first letter
pid_t program = 0;
std::atomic<std::int64_t>* bytes_left = nullptr;  // shared with the workers

__attribute__((constructor)) void read_fault() {
  const char* fault = std::getenv("BITJOULE_FAULT");
  const char* colon = fault == nullptr ? nullptr : std::strchr(fault, ':');
  if (colon == nullptr) return;
  void* shared =
      mmap(nullptr, sizeof *bytes_left, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) std::abort();
  bytes_left = new (shared) std::atomic<std::int64_t>(std::atoll(colon + 1));
  program = getpid();
  kind = fault[0];
}

ssize_t really_write(int file, const void* data, std::size_t size) {
  return syscall(SYS_write, file, data, size);
}

bool is_regular(int file) {
  struct stat info {};
  return fstat(file, &info) == 0 && S_ISREG(info.st_mode);
}

/// `name`: of the file that is written, synced or renamed to.
void note(const char* what, const char* name) {
  const char* log = std::getenv("BITJOULE_SYNC_LOG");
  if (log == nullptr) return;
  char line[8192];
  const int size = std::snprintf(line, sizeof line, "%s %s\n", what, name);
  const int file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file < 0 || really_write(file, line, static_cast<std::size_t>(size)) != size) std::abort();
  close(file);
}

void note_file(const char* what, int file) {
  char link[64], name[4096] = "";
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  if (readlink(link, name, sizeof name - 1) < 0) std::abort();
  note(what, name);
}

int sync(const char* what, long call, int file) {
  note_file(what, file);
  if (kind == 's' && bytes_left->fetch_sub(1) <= 0) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(syscall(call, file));
}

}  // namespace

extern "C" int fsync(int file) { return sync("sync", SYS_fsync, file); }

extern "C" int syncfs(int file) noexcept { return sync("syncfs", SYS_syncfs, file); }

extern "C" int rename(const char* from, const char* to) {
  note("rename", to);
  return static_cast<int>(syscall(SYS_rename, from, to));
}

extern "C" ssize_t write(int file, const void* data, std::size_t size) {
  const bool is_file = is_regular(file);
  if (is_file) note_file("write", file);
  if (kind == 0 || kind == 's' || !is_file) return really_write(file, data, size);
  const auto wanted = static_cast<std::int64_t>(size);
  const std::int64_t left = bytes_left->fetch_sub(wanted);
  if (left >= wanted) return really_write(file, data, size);
  if (kind != 'f' && left < 0) return really_write(file, data, size);  // it has happened already
  const ssize_t part =
      left > 0 ? really_write(file, data, static_cast<std::size_t>(left)) : ssize_t{0};
  if (kind == 'f') {
    if (part > 0) return part;
    errno = ENOSPC;
    return -1;
  }
  kill(kind == 'p' ? program : getpid(), SIGKILL);
  for (;;) pause();  // a worker dies with the program
}
