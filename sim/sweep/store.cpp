#include "sim/sweep/store.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <system_error>

#include "core/error.h"
#include "sim/config/json_text.h"
#include "sim/config/writer.h"
#include "sim/output/output_files.h"
#include "sim/output/text_file.h"
#include "sim/result/result_json.h"
#include "sim/result/result_keys.h"
#include "sim/sweep/outcome_files.h"

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

/// The object in a file that says itself that it is of this layout and for this hash.
std::optional<boost::json::object> read_own(const std::string& path, const std::string& hash,
                                            JsonLists lists) {
  std::optional<boost::json::object> object = parse_object(read_text_file(path), lists);
  if (!object) return std::nullopt;
  const boost::json::value* schema = object->if_contains("schema_version");
  const boost::json::value* own = object->if_contains("config_hash");
  const bool is_own = schema != nullptr && *schema == kResultSchemaVersion && own != nullptr &&
                      *own == boost::json::string_view(hash);
  return is_own ? std::move(object) : std::nullopt;
}

/// A directory cannot be replaced by a point's file.
void require_no_directory(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(fs::symlink_status(path, error)))
    throw input_error(
        fmt::format("{}: a directory stands where the result of a point goes: move it away and "
                    "run the sweep again, which computes only what is missing",
                    path));
}

void write_entry(const std::string& path, const std::string& text) {
  require_no_directory(path);
  write_atomically(path, text);
}

}  // namespace

bool is_point_hash(const std::string& text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

ResultStore::ResultStore(std::string directory)
    : directory_(std::move(directory)), process_(::getpid()) {}

ResultStore ResultStore::create(const std::string& directory) {
  std::error_code error;
  const bool is_new = fs::create_directories(directory, error);
  if (error) throw input_error(fmt::format("{}: {}", directory, error.message()));
  if (is_new) sync_directory((fs::path(directory) / "..").string());
  remove_stale_partials(directory);
  remove_stale_partials(outcome_directory(directory));
  return ResultStore(directory);
}

std::optional<StoredPoint> ResultStore::find(const std::string& hash, JsonLists lists) const {
  if (!is_point_hash(hash)) return std::nullopt;
  if (auto result = read_own(result_path(hash), hash, lists))
    if (has_result_keys(*result)) return StoredPoint{std::move(*result), ""};
  const auto failure = read_own(failure_path(hash), hash, lists);
  const boost::json::value* message = failure ? failure->if_contains("message") : nullptr;
  if (message == nullptr || !message->is_string()) return std::nullopt;
  return StoredPoint{{}, std::string(message->as_string())};
}

void ResultStore::put(const std::string& hash, const std::string& text) const {
  write_entry(result_path(hash), text);
}

std::string ResultStore::staged_path(const std::string& hash) const {
  return partial_name(result_path(hash), process_);
}

void ResultStore::stage(const std::string& hash, const std::string& text) const {
  require_no_directory(result_path(hash));
  write_partial_file(staged_path(hash), text);
}

void ResultStore::keep(const std::vector<std::string>& hashes) const {
  std::vector<PartialFile> files;
  for (const std::string& hash : hashes) files.push_back({staged_path(hash), result_path(hash)});
  take_places(directory_, files);
}

void ResultStore::drop(const std::string& hash) const { ::unlink(staged_path(hash).c_str()); }

void ResultStore::put_failure(const std::string& hash, const std::string& message) const {
  write_entry(failure_path(hash), json_text({{"schema_version", kResultSchemaVersion},
                                             {"config_hash", hash},
                                             {"message", message}}));
}

void ResultStore::forget_failure(const std::string& hash) const {
  ::unlink(failure_path(hash).c_str());
}

bool ResultStore::copy_from(const ResultStore& other, const std::string& hash) const {
  const std::optional<StoredPoint> point = other.find(hash);
  if (!point) return false;
  if (point->failure.empty())
    put(hash, json_text(point->result));
  else
    put_failure(hash, point->failure);
  return true;
}

}  // namespace bitjoule
