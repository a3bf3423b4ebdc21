#include "sim/sweep/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <initializer_list>
#include <system_error>

#include "core/error.h"
#include "sim/config/json_text.h"
#include "sim/config/writer.h"
#include "sim/output/output_files.h"
#include "sim/result/result_json.h"

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

bool has_keys(const boost::json::object& object, std::initializer_list<const char*> keys) {
  return std::all_of(keys.begin(), keys.end(),
                     [&](const char* key) { return object.contains(key); });
}

/// The object in a file that says itself that it is of this layout and for this hash.
std::optional<boost::json::object> read_own(const std::string& path, const std::string& hash) {
  std::optional<boost::json::object> object = parse_object(read_text_file(path));
  if (!object || !has_keys(*object, {"schema_version", "config_hash"})) return std::nullopt;
  const bool is_own = object->at("schema_version") == kResultSchemaVersion &&
                      object->at("config_hash") == boost::json::string_view(hash);
  return is_own ? std::move(object) : std::nullopt;
}

}  // namespace

bool is_point_hash(const std::string& text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string read_text_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // of a pipe: at once
  if (file < 0) return "";
  struct stat info {};
  std::string text;
  if (::fstat(file, &info) == 0 && S_ISREG(info.st_mode))
    text.resize(static_cast<std::size_t>(info.st_size));
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

ResultStore ResultStore::create(const std::string& directory) {
  std::error_code error;
  const bool is_new = fs::create_directories(directory, error);
  if (error) throw input_error(fmt::format("{}: {}", directory, error.message()));
  if (is_new) sync_directory((fs::path(directory) / "..").string());
  remove_stale_partials(directory);
  return ResultStore(directory);
}

std::optional<StoredPoint> ResultStore::find(const std::string& hash) const {
  if (!is_point_hash(hash)) return std::nullopt;
  if (auto result = read_own(result_path(hash), hash))
    if (has_keys(*result, {"program", "cycles", "time_s", "macs", "stalls", "dram", "sram",
                           "roofline", "counts", "energy", "layers", "config"}))
      return StoredPoint{std::move(*result), ""};
  const auto failure = read_own(failure_path(hash), hash);
  const boost::json::value* message = failure ? failure->if_contains("message") : nullptr;
  if (message == nullptr || !message->is_string()) return std::nullopt;
  return StoredPoint{{}, std::string(message->as_string())};
}

void ResultStore::put(const std::string& hash, const std::string& text) const {
  write_atomically(result_path(hash), text);
}

void ResultStore::put_failure(const std::string& hash, const std::string& message) const {
  write_atomically(failure_path(hash), json_text({{"schema_version", kResultSchemaVersion},
                                                  {"config_hash", hash},
                                                  {"message", message}}));
}

void ResultStore::forget_failure(const std::string& hash) const {
  ::unlink(failure_path(hash).c_str());
}

void ResultStore::copy_from(const ResultStore& other, const std::string& hash) const {
  const std::optional<StoredPoint> point = other.find(hash);
  if (!point) return;
  if (point->failure.empty())
    put(hash, json_text(point->result));
  else
    put_failure(hash, point->failure);
}

}  // namespace bitjoule
