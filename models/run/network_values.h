// The numbers of a network on their way from layer to layer, beside its timing.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/mapping/vector_program.h"
#include "run/kv_cache.h"
#include "run/layer_result.h"
#include "run/mac_operands.h"
#include "run/network_result.h"
#include "run/run_config.h"
#include "run/simulation.h"
#include "run/tensor_store.h"

namespace bitjoule {

/// Errors of a vector operator: of its arithmetic alone, and against the whole network in float64.
struct VectorQuality {
  Quality arithmetic, whole;
};

struct AttentionOutcome {
  NetworkTensor tensor;
  OutputCheck check;
};

class NetworkValues {
 public:
  /// What becomes of the values of many passes: errors of each layer, or only the outputs, beside
  /// what they would be without any rounding.
  enum class Wanted { kErrors, kOutputs };
  static constexpr std::int64_t kAllRows = -1;
  /// `observer` sees what goes by, for a calibration: nullptr where nobody does.
  explicit NetworkValues(const RunConfig& run, Wanted wanted = Wanted::kErrors,
                         TensorObserver* observer = nullptr, Side side = Side::kBoth)
      : run_(run),
        wanted_(wanted),
        side_(side),
        observer_(observer),
        calibration_(*run.options.tensors, run.calibration),
        factors_(calibration_, run.precision) {}

  /// Before the layers of a pass: its inputs, which are `given`, from files, from the pass before
  /// (the tokens that it yielded), or generated. The network must outlive the pass; of kOutputs,
  /// all passes are of networks with the same weights.
  void begin(const Network& network, std::map<std::string, NetworkTensor> given = {});

  /// What a layer with MACs works on, and its result when that is there.
  MacOperands operands(const NetworkLayer& layer, const LayerOp& op,
                       const MappingProblem& problem) {
    return operands(layer, op, problem, kAllRows);
  }
  /// Of one expert: its rows of the first input begin at `first_row`.
  MacOperands operands(const NetworkLayer& layer, const LayerOp& op, const MappingProblem& problem,
                       std::int64_t first_row);
  /// Finishes a layer with MACs by its reference alone, where that is wanted and can be.
  bool finish_exactly(const NetworkLayer& layer, const LayerOp& op, const MappingProblem& problem);
  /// Rows of each expert of a layer, by the routing.
  std::vector<std::int64_t> loads(const NetworkLayer& layer) const;
  Side side() const { return side_; }
  /// What a layer, or an input, has yielded and others still read.
  const NetworkTensor& tensor(const std::string& name) const { return store_->get(name); }
  /// Runs a vector operator.
  VectorQuality run(const NetworkLayer& layer, const VectorFormats& formats);
  /// What a fused attention yields, and how it compares with the oracle.
  AttentionOutcome attention(const NetworkLayer& layer, const AttentionPlan& plan, Verify verify);
  /// Stores a layer's result; returns its error against the whole network in float64.
  Quality finish(const NetworkLayer& layer, NetworkTensor result);

  /// After the layers of a pass; of several steps the outputs get them as a leading axis.
  std::vector<NetworkOutputValues> end();

 private:
  std::vector<const NetworkTensor*> inputs_of(const NetworkLayer& layer);
  struct Sources {
    const NetworkTensor *first, *second;  ///< nullptr: the layer has weights of its own
  };
  Sources sources_of(const NetworkLayer& layer, const LayerOp& op);
  NetworkTensor input(const NetworkInput& input);
  void keep_states();
  NetworkTensor constant(const NetworkLayer& layer, std::size_t index);
  void choose_tokens(const std::vector<NetworkOutputValues>& outputs);
  LayerTensors tensors() {
    return {*run_.options.tensors,
            *store_,
            run_.options.seed,
            observer_ == nullptr ? &calibration_ : nullptr,
            *network_,
            factors_};
  }
  bool is_fresh(const Matmul& product, const NetworkTensor& second) const;
  QuantizedTensor queries_of(const NetworkTensor& tensor, const AttentionPlan& plan);
  const NetworkTensor& cache_operand(const NetworkLayer& product, const NetworkTensor& fresh);
  const NetworkTensor& cached(const NetworkLayer& layer, const Matmul& product,
                              const NetworkTensor& fresh);

  const RunConfig& run_;
  Wanted wanted_;
  Side side_;  ///< of kOutputs
  TensorObserver* observer_;
  Calibration calibration_;
  OperandFactors factors_;
  WeightCache weights_;  ///< kOutputs
  KvCache cache_;
  const Network* network_ = nullptr;
  std::unique_ptr<TensorStore> store_;
  std::string before_;                      ///< the layer that ran last
  std::vector<NetworkTensor> temporaries_;  ///< operands of the layer that runs, not in the store
  std::map<std::string, NetworkTensor> states_;  ///< of inputs with `next`, for the next pass
  std::int64_t step_ = 0;                        ///< passes that have ended
  std::vector<std::int32_t> next_tokens_;        ///< what the pass before yielded, one per sequence
  std::int64_t sampled_macs_ = 0;
};

}  // namespace bitjoule
