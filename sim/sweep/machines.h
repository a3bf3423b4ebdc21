// Machines that several runs share.
#pragma once

#include <map>
#include <string>

#include "run/machine.h"

namespace bitjoule {

/// A machine for each accelerator, DRAM and fidelity that runs have had, a few of them: building
/// one takes as long as a small run.
class Machines {
 public:
  /// The machine of a run, with the run as its configuration; good until the next call. Throws as
  /// Machine's constructor.
  Machine& of(RunConfig run);

 private:
  std::map<std::string, Machine> machines_;  // by machine_digest()
};

}  // namespace bitjoule
