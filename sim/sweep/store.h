// Results by content: one file per configuration, so that sweeps resume, share and merge.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>

namespace bitjoule {

/// What is known about one configuration: a result, or why there is none.
struct StoredPoint {
  boost::json::object result;
  std::string failure;  ///< empty: `result` holds
};

/// A directory with HASH.json per result and HASH.failed.json per failure. Files appear whole or
/// not at all (a temporary file, then a rename), so any number of processes may share it.
class ResultStore {
 public:
  /// Creates the directory and removes what killed processes left there long ago.
  explicit ResultStore(std::string directory);

  const std::string& directory() const { return directory_; }
  /// Whether a result or a failure is there.
  bool has(const std::string& hash) const;
  /// Empty where neither is there, or what is there is not whole.
  std::optional<StoredPoint> find(const std::string& hash) const;

  /// Throws an input Error if the file cannot be written.
  void put(const std::string& hash, const std::string& text) const;
  void put_failure(const std::string& hash, const std::string& message) const;
  /// Forgets a failure, so that the point runs again.
  void forget_failure(const std::string& hash) const;
  /// Copies a point from another store. Throws an input Error if it is not whole there.
  void copy_from(const ResultStore& other, const std::string& hash) const;

 private:
  std::string result_path(const std::string& hash) const {
    return directory_ + "/" + hash + ".json";
  }
  std::string failure_path(const std::string& hash) const {
    return directory_ + "/" + hash + ".failed.json";
  }

  std::string directory_;
};

/// The text of a file; empty if it cannot be read.
std::string read_text_file(const std::string& path);

}  // namespace bitjoule
