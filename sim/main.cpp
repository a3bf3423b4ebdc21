// The one place where an Error becomes an exit code: 0 done, 2 bad usage or configuration, or
// something could not be written, 3 the output or a conservation check failed, 1 anything else.
#include <fmt/format.h>

#include <exception>
#include <new>
#include <sstream>
#include <string>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "core/error.h"
#include "sim/commands/command_line.h"
#include "sim/output/terminal.h"

namespace {

constexpr int kFailed = 1, kBadInput = 2, kNotVerified = 3;

/// Each line of a message is a problem of its own.
int fail(const std::string& message, int code) {
  std::istringstream lines(message);
  for (std::string line; std::getline(lines, line);)
    bitjoule::print_error(fmt::format("error: {}\n", line));
  return code;
}

int exit_code(bitjoule::ErrorKind kind) {
  switch (kind) {
    case bitjoule::ErrorKind::kInput:
      return kBadInput;
    case bitjoule::ErrorKind::kVerification:
      return kNotVerified;
    default:
      return kFailed;
  }
}

/// Layers and points allocate and free a few megabytes each. The C library would give them back to
/// the system every time, which then clears them anew.
void keep_freed_memory() {
#if defined(__GLIBC__)
  constexpr int kKept = 64 << 20, kStep = 4 << 20;  // bytes
  mallopt(M_TRIM_THRESHOLD, kKept);
  mallopt(M_MMAP_THRESHOLD, kKept);
  mallopt(M_TOP_PAD, kStep);
#endif
}

/// The exit code of what the command line asks for.
int guarded_run(int argc, char** argv) {
  try {
    return bitjoule::run_command_line(argc, argv);
  } catch (const bitjoule::Error& e) {
    return fail(e.what(), exit_code(e.kind()));
  } catch (const std::bad_alloc&) {
    return fail("out of memory", kFailed);
  } catch (const std::exception& e) {
    return fail(fmt::format("internal: {}", e.what()), kFailed);
  }
}

}  // namespace

int main(int argc, char** argv) {
  keep_freed_memory();
  bitjoule::prepare_streams(argc > 0 ? argv[0] : "");
  const int code = guarded_run(argc, argv);
  const std::string lost = bitjoule::lost_output();
  if (lost.empty()) return code;
  if (!bitjoule::is_output_refused()) fail(lost, kBadInput);
  return code == 0 ? kBadInput : code;
}
