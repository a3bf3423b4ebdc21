// Outcomes of layers by content: one file per layer as a machine runs it, beside the results of
// sweeps, so that runs and sweeps simulate nothing twice.
#pragma once

#include <string>

#include "run/outcome_store.h"

namespace bitjoule {

/// A directory with HASH.layer per outcome, which any number of processes may share. A file counts
/// only where it is whole (its checksum says so), of this layout, and of the very key asked for;
/// another goes, and comes anew. What cannot be written is not kept: no run fails for it.
class OutcomeFiles : public OutcomeStore {
 public:
  /// Changes nothing there; the directory is made when the first outcome comes.
  explicit OutcomeFiles(std::string directory) : directory_(std::move(directory)) {}

  std::optional<LayerOutcome> find(const std::string& key) override;
  void put(const std::string& key, const LayerOutcome& outcome) override;

 private:
  std::string path(const std::string& key) const;

  std::string directory_;
};

/// Where the outcomes of layers are, beside the results in `store`.
std::string outcome_directory(const std::string& store);

}  // namespace bitjoule
