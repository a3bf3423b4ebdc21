#include "sim/evaluate/score_files.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "core/error.h"
#include "sim/config/writer.h"
#include "sim/output/output_files.h"
#include "sim/output/text_file.h"

namespace bitjoule {
namespace {

/// Layout, key, score and the checksum of all before it, a line each.
std::string file_text(const std::string& hash, const std::string& score) {
  const std::string text = fmt::format("bitjoule score 1\n{}\n{}\n", hash, score);
  return text + text_hash(text) + "\n";
}

}  // namespace

std::optional<std::vector<InputScore>> ScoreFiles::find(const std::string& key) const {
  if (directory_.empty()) return std::nullopt;
  const std::string hash = text_hash(key);
  const std::string text = read_text_file(path(hash));
  const std::size_t start = file_text(hash, "").find("\n\n") + 1, end = text.find('\n', start);
  std::vector<InputScore> scores;
  if (text.size() < start || end == std::string::npos) return std::nullopt;
  const std::string line = text.substr(start, end - start);
  if (text != file_text(hash, line) || !read_scores(line, scores)) return std::nullopt;
  return scores;
}

void ScoreFiles::put(const std::string& key, const std::vector<InputScore>& scores) const {
  if (directory_.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  const std::string hash = text_hash(key);
  try {
    if (!error) write_whole(path(hash), file_text(hash, score_text(scores)));
  } catch (const Error&) {
    return;  // the next evaluation computes it
  }
}

std::string score_directory(const std::string& store) {
  return store.empty() ? "" : store + "/scores";
}

}  // namespace bitjoule
