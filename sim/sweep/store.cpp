#include "sim/sweep/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>

#include "core/error.h"
#include "sim/config/json_text.h"
#include "sim/config/writer.h"
#include "sim/output/output_files.h"

namespace bitjoule {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPartial = ".partial";
constexpr auto kStale = std::chrono::hours(1);  // no process writes a file for that long

void remove_stale_partials(const std::string& directory) {
  std::error_code error;
  const auto now = fs::file_time_type::clock::now();
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error))
    if (entry.path().extension() == kPartial && now - entry.last_write_time(error) > kStale)
      fs::remove(entry.path(), error);
}

/// A whole JSON object, or nothing. Its parts share one piece of memory, which goes as a whole.
std::optional<boost::json::object> parse_object(const std::string& text) {
  namespace json = boost::json;
  boost::system::error_code error;
  json::value value =
      parse_json(text, error, json::make_shared_resource<json::monotonic_resource>(text.size()));
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.as_object());
}

}  // namespace

std::string read_text_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return "";
  struct stat info {};
  std::string text;
  if (::fstat(file, &info) == 0) text.resize(static_cast<std::size_t>(info.st_size));
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::read(file, text.data() + done, text.size() - done);
    if (n <= 0 && !(n < 0 && errno == EINTR)) break;
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  ::close(file);
  text.resize(done);
  return text;
}

ResultStore::ResultStore(std::string directory) : directory_(std::move(directory)) {
  std::error_code error;
  fs::create_directories(directory_, error);
  if (error) throw input_error(fmt::format("{}: {}", directory_, error.message()));
  remove_stale_partials(directory_);
}

bool ResultStore::has(const std::string& hash) const {
  const auto is_there = [](const std::string& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 && info.st_size > 0;  // 0: lost with the power
  };
  return is_there(result_path(hash)) || is_there(failure_path(hash));
}

std::optional<StoredPoint> ResultStore::find(const std::string& hash) const {
  if (auto result = parse_object(read_text_file(result_path(hash))))
    return StoredPoint{std::move(*result), ""};
  const auto failure = parse_object(read_text_file(failure_path(hash)));
  if (!failure) return std::nullopt;
  const boost::json::value* message = failure->if_contains("message");
  if (message == nullptr || !message->is_string()) return std::nullopt;
  return StoredPoint{{}, std::string(message->as_string())};
}

void ResultStore::put(const std::string& hash, const std::string& text) const {
  write_atomically(result_path(hash), text);
}

void ResultStore::put_failure(const std::string& hash, const std::string& message) const {
  write_atomically(failure_path(hash), json_text({{"message", message}}));
}

void ResultStore::forget_failure(const std::string& hash) const {
  ::unlink(failure_path(hash).c_str());
}

void ResultStore::copy_from(const ResultStore& other, const std::string& hash) const {
  const std::optional<StoredPoint> point = other.find(hash);
  if (!point) throw input_error(fmt::format("{}: no whole result {}", other.directory(), hash));
  if (point->failure.empty())
    put(hash, read_text_file(other.result_path(hash)));
  else
    put_failure(hash, point->failure);
}

}  // namespace bitjoule
