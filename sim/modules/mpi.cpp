// The module "mpi": the ranks of one `mpirun`, by Boost.MPI.
#include <boost/mpi.hpp>
#include <boost/serialization/map.hpp>
#include <boost/serialization/string.hpp>
#include <functional>
#include <vector>

#include "sim/sweep/ranks.h"
#include "sim/version.h"

namespace bitjoule {
namespace {

int run_on_ranks(const RankWork& run, const RankEnd& finish) {
  namespace mpi = boost::mpi;
  const mpi::environment environment;  // aborts all ranks if this one leaves with an exception
  const mpi::communicator world;
  const Shard shard{static_cast<std::size_t>(world.rank()), static_cast<std::size_t>(world.size())};
  PassingFailures failures;
  const bool is_complete = run(shard, failures);
  const bool all_complete = mpi::all_reduce(world, is_complete, std::logical_and<bool>());
  std::vector<PassingFailures> of_ranks;
  mpi::gather(world, failures, of_ranks, 0);
  int code = 0;
  if (world.rank() == 0) {
    for (const PassingFailures& more : of_ranks) failures.insert(more.begin(), more.end());
    code = finish(all_complete, failures);
  }
  mpi::broadcast(world, code, 0);
  return code;
}

}  // namespace
}  // namespace bitjoule

// Names that are looked up by dlsym().
// NOLINTBEGIN(readability-identifier-naming)
extern "C" {
extern const bitjoule::MpiModule bitjoule_mpi;
const bitjoule::MpiModule bitjoule_mpi = {bitjoule::run_on_ranks};

extern const std::string bitjoule_mpi_build;
const std::string bitjoule_mpi_build = build_key(bitjoule::build());
}
// NOLINTEND(readability-identifier-naming)
