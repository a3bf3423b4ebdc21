#include "sim/sweep/ranks.h"

#include "core/error.h"

#ifdef BITJOULE_MPI
#include <boost/mpi.hpp>
#include <boost/serialization/map.hpp>
#include <boost/serialization/string.hpp>
#include <functional>
#include <vector>
#endif

namespace bitjoule {

#ifdef BITJOULE_MPI

void require_mpi() {}

int run_on_ranks(const std::function<bool(const Shard&, PassingFailures&)>& run,
                 const std::function<int(bool, const PassingFailures&)>& finish) {
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

#else

void require_mpi() {
  throw input_error("--mpi: this program was built without MPI; configure with -DBITJOULE_MPI=ON");
}

int run_on_ranks(const std::function<bool(const Shard&, PassingFailures&)>&,
                 const std::function<int(bool, const PassingFailures&)>&) {
  require_mpi();
  return 0;
}

#endif

}  // namespace bitjoule
