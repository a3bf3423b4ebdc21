#include "core/mapping/folds.h"

namespace bitjoule {

FoldSteps fold_steps(const MappingProblem& p, std::int64_t m, std::int64_t n, std::int64_t k) {
  const ArrayConfig& array = p.machine.array;
  FoldSteps steps{m, n, fold_k(p, k)};
  if (array.dataflow == Dataflow::kOutputStationary) steps.m = array.rows;
  if (array.dataflow == Dataflow::kInputStationary) steps.m = array.cols;
  if (array.dataflow != Dataflow::kInputStationary) steps.n = array.cols;
  return steps;
}

void shape_fold(const MappingProblem& p, FoldJob& job) {
  const ArrayConfig& array = p.machine.array;
  const std::int64_t k_words = ceil_div(job.k(), p.path.macs_per_pe);
  Fold& fold = job.timing;
  switch (array.dataflow) {
    case Dataflow::kWeightStationary:
      job.used_rows = k_words, job.used_cols = job.n(), fold.steps = job.m();
      break;
    case Dataflow::kOutputStationary:
      job.used_rows = job.m(), job.used_cols = job.n(), fold.steps = k_words;
      break;
    case Dataflow::kInputStationary:
      job.used_rows = k_words, job.used_cols = job.m(), fold.steps = job.n();
      break;
  }
  const bool full = array.edge_folds == EdgeFolds::kFull;
  fold.rows = full ? array.rows : job.used_rows;
  fold.cols = full ? array.cols : job.used_cols;
  fold.drains = array.dataflow == Dataflow::kOutputStationary;
  fold.load_rows = fold.drains ? 0 : fold.rows;
}

}  // namespace bitjoule
