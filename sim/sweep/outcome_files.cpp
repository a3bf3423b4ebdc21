#include "sim/sweep/outcome_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "core/error.h"
#include "sim/config/writer.h"
#include "sim/output/output_files.h"
#include "sim/output/text_file.h"
#include "sim/sweep/store.h"

namespace bitjoule {
namespace {

/// Layout, key, outcome and the checksum of all before it, a line each.
std::string file_text(const std::string& key, const std::string& outcome) {
  const std::string text = fmt::format("bitjoule layer 1\n{}\n{}\n", key, outcome);
  return text + text_hash(text) + "\n";
}

}  // namespace

std::string OutcomeFiles::path(const std::string& key) const {
  return directory_ + "/" + text_hash(key) + ".layer";
}

std::optional<LayerOutcome> OutcomeFiles::find(const std::string& key) {
  const std::string file = path(key);
  const std::string text = read_text_file(file);
  if (text.empty()) return std::nullopt;
  const std::size_t start = file_text(key, "").find("\n\n") + 1;
  const std::size_t end = text.find('\n', start);
  if (end != std::string::npos) {
    const std::string outcome = text.substr(start, end - start);
    if (text == file_text(key, outcome))
      if (std::optional<LayerOutcome> known = read_outcome(outcome)) return known;
  }
  ::unlink(file.c_str());
  return std::nullopt;
}

void OutcomeFiles::put(const std::string& key, const LayerOutcome& outcome) {
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  if (error) return;
  try {
    write_whole(path(key), file_text(key, outcome_text(outcome)));
  } catch (const Error&) {
    return;  // the next run computes it
  }
}

std::string outcome_directory(const std::string& store) { return store + "/layers"; }

}  // namespace bitjoule
