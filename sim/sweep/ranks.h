// The processes of one `mpirun` as shards of a sweep.
#pragma once

#include <functional>

#include "sim/sweep/execute.h"

namespace bitjoule {

/// Calls `run` on every rank with its shard; `run` returns whether it is complete and adds to
/// `failures`. Then all wait for each other, and rank 0 gets the failures of all and calls
/// `finish`, whose exit code every rank returns.
int run_on_ranks(const std::function<bool(const Shard&, PassingFailures&)>& run,
                 const std::function<int(bool is_complete, const PassingFailures&)>& finish);

/// Throws an input Error in a build without MPI.
void require_mpi();

}  // namespace bitjoule
