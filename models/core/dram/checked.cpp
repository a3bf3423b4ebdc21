#include "core/dram/checked.h"

#include "core/checker.h"
#include "core/dram/rows.h"

namespace bitjoule {
namespace {

void describe_model(Checker& v, IdealDramConfig& dram) { describe_ideal(v, dram); }
void describe_model(Checker& v, CycleDramConfig& dram) { describe_cycle(v, dram); }

template <class Model>
void check_model(const char* path, Model dram) {
  Checker checker(path);
  describe_model(checker, dram);
  checker.throw_if_any();
}

}  // namespace

void check_ranges(const IdealDramConfig& dram) { check_model("", dram); }
void check_ranges(const CycleDramConfig& dram) { check_model("", dram); }

const DramConfig& checked(const DramConfig& dram) {
  std::visit([](const auto& model) { check_model("dram", model); }, dram.model);
  return dram;
}

}  // namespace bitjoule
