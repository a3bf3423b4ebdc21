// Files that commands write: whole or not at all, and known to be possible before the work begins.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "core/error.h"
#include "sim/commands/command.h"
#include "sim/output/output_files.h"
#include "sim/output/terminal.h"

namespace bitjoule {
namespace {

namespace fs = std::filesystem;

/// The directory itself, or the nearest one above it that exists.
fs::path existing(fs::path path) {
  std::error_code error;
  path = fs::absolute(path, error);
  while (!fs::exists(path, error) && path.has_relative_path()) path = path.parent_path();
  return path;
}

void require_writable(const std::string& name, const fs::path& directory) {
  std::error_code error;
  const fs::path place = existing(directory);
  if (!fs::is_directory(place, error))
    throw input_error(
        fmt::format("{}: cannot be written: {} is not a directory", name, place.string()));
  if (::access(place.c_str(), W_OK | X_OK) != 0)
    throw input_error(
        fmt::format("{}: cannot be written: no permission to write into {}", name, place.string()));
}

}  // namespace

void require_writable_file(const std::string& path) {
  std::error_code error;
  if (path.empty() || is_special_file(path)) return;
  if (fs::is_directory(path, error)) throw input_error(path + ": is a directory");
  const fs::path directory = fs::absolute(behind_links(path), error).parent_path();
  if (!fs::exists(directory, error))
    throw input_error(
        fmt::format("{}: cannot be written: no directory {}", path, directory.string()));
  require_writable(path, directory);
}

void require_writable_directory(const std::string& path) {
  if (!path.empty()) require_writable(path, path);
}

void make_directory(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw input_error(fmt::format("{}: {}", path, error.message()));
}

void write_output(const std::string& path, const std::string& text) {
  if (path.empty()) {
    print_data(text);
    return;
  }
  require_writable_file(path);
  OutputFiles file;
  file.add(path, text);
  take_places(file);
}

void take_places(OutputFiles& files) {
  const std::vector<std::string> names = files.names();
  files.take_places();
  print_written(names);
}

void print_written(const std::vector<std::string>& paths) {
  if (!paths.empty()) print_done(fmt::format("wrote {}\n", fmt::join(paths, ", ")));
}

}  // namespace bitjoule
