// The processes of one `mpirun` as shards of a sweep: what the program uses of the module "mpi".
#pragma once

#include <functional>

#include "sim/sweep/execute.h"
#include "sim/system/module.h"

namespace bitjoule {

/// Computes a shard: returns whether it is complete, and adds to the failures.
using RankWork = std::function<bool(const Shard&, PassingFailures&)>;
/// Makes the exit code of whether all are complete and of the failures of all.
using RankEnd = std::function<int(bool is_complete, const PassingFailures&)>;

struct MpiModule {
  /// Calls `run` on every rank with its shard. Then all wait for each other, and rank 0 gets the
  /// failures of all and calls `finish`, whose exit code every rank returns.
  int (*run_on_ranks)(const RankWork& run, const RankEnd& finish);
};

/// Loads it; throws as load_module().
inline const MpiModule& mpi_module() { return module_table<MpiModule>("mpi", "--mpi"); }

}  // namespace bitjoule
