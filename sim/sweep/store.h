// Results by content: one file per configuration, so that sweeps resume, share and merge.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sim/config/json_text.h"

namespace bitjoule {

/// What is known about one configuration: a result, or why there is none.
struct StoredPoint {
  boost::json::object result;
  std::string failure;  ///< empty: `result` holds
};

/// A directory with HASH.json per result and HASH.failed.json per failure. Files appear whole or
/// not at all (a temporary file, then a rename), so any number of processes may share it. Files
/// that were there may be anything: one counts only where it parses, has this layout version, all
/// keys of a result with values of their kinds, and the hash that it is named by.
class ResultStore {
 public:
  /// Changes nothing there; the directory may be missing, and is empty then.
  explicit ResultStore(std::string directory);
  /// Creates the directory and removes what killed processes left there long ago.
  static ResultStore create(const std::string& directory);

  const std::string& directory() const { return directory_; }
  /// Whether a result or a failure is there that counts.
  bool has(const std::string& hash) const { return find(hash, JsonLists::kEmptied).has_value(); }
  /// The lists in a result are most of it.
  std::optional<StoredPoint> find(const std::string& hash,
                                  JsonLists lists = JsonLists::kKept) const;

  /// Both throw an input Error if the file cannot be written, and return when it is on the disk.
  void put(const std::string& hash, const std::string& text) const;
  void put_failure(const std::string& hash, const std::string& message) const;

  /// A result that does not count before keep(). The store, and copies of it in processes that were
  /// forked since, share what was staged; who staged it may be gone. Throws as put().
  void stage(const std::string& hash, const std::string& text) const;
  /// As put() of staged results, for a group of them at the price of one.
  void keep(const std::vector<std::string>& hashes) const;
  /// Forgets a staged result.
  void drop(const std::string& hash) const;

  /// Forgets a failure, so that the point runs again.
  void forget_failure(const std::string& hash) const;
  /// Copies a point from another store; false where none is there that counts.
  bool copy_from(const ResultStore& other, const std::string& hash) const;

 private:
  std::string result_path(const std::string& hash) const {
    return directory_ + "/" + hash + ".json";
  }
  std::string failure_path(const std::string& hash) const {
    return directory_ + "/" + hash + ".failed.json";
  }

  std::string staged_path(const std::string& hash) const;

  std::string directory_;
  int process_;  ///< that names what is staged
};

/// Whether a text has the form of a point's name: 32 hexadecimal digits, so that no path leads
/// anywhere else.
bool is_point_hash(const std::string& text);

}  // namespace bitjoule
