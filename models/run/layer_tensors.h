// A layer's own tensors by role ("weights", "bias", "gamma", "input_scale", ...): from files,
// from other layers, or generated.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/numeric/weight_quantizer.h"
#include "core/workload/network.h"
#include "run/calibration.h"
#include "run/operand_factors.h"
#include "run/operands.h"
#include "run/tensor_reader.h"
#include "run/tensor_store.h"

namespace bitjoule {

/// The numbers of one tensor in native order.
struct LayerTensor {
  std::vector<float> values;
  std::vector<std::int32_t> codes;  ///< integers as they are; empty: real values
  /// Computed by the network: without any rounding. Empty: constants, which are `values`.
  std::vector<double> reference;
  const StoredTensor* file = nullptr;         ///< whose order is the native one; else nullptr
  std::shared_ptr<const StoredTensor> slice;  ///< what `file` is where it is a part of a tensor
  OperandOrigin origin;
};

/// The name of an expert's tensor.
std::string tensor_of_expert(const TensorSource& source, std::int64_t expert);

class LayerTensors {
 public:
  /// `calibration` is nullptr while one is made: weights then are the nearest codes, scales those
  /// of the very values. `factors` are those of transformations in `network`, whose tensors these
  /// are.
  LayerTensors(TensorReader& files, const TensorStore& store, std::int64_t seed,
               const Calibration* calibration, const Network& network, OperandFactors& factors)
      : files_(files),
        store_(store),
        seed_(seed),
        calibration_(calibration),
        network_(network),
        factors_(factors) {}

  static bool has(const NetworkLayer& layer, const std::string& role) {
    return layer.tensors.count(role) != 0;
  }

  /// A tensor of the shape that the layer reads. Where no file and no layer provides it, values of
  /// the given deviation around `mean`. Throws an input Error that names role and file.
  LayerTensor get(const NetworkLayer& layer, const std::string& role,
                  const std::vector<std::int64_t>& native, double deviation = 1,
                  double mean = 0) const;

  /// One scale, or one per channel; {1} where the layer has none. Likewise zero-points; {0}.
  std::vector<float> scales(const NetworkLayer& layer, const std::string& role) const;
  std::vector<std::int32_t> zero_points(const NetworkLayer& layer, const std::string& role) const;

  bool calibrates() const { return calibration_ == nullptr; }
  /// Of the inputs of the layer's weights, whose rows have `k` elements. Throws an input Error
  /// where the run has no calibration, or that has none of the layer.
  InputMoments moments(const NetworkLayer& layer, std::int64_t k) const;
  /// Of a group of layers (TransformRole).
  const std::vector<float>& factors(const std::string& group) const {
    return factors_.get(group, network_, *this);
  }
  /// Of the tensor that a layer, or an input of the network, has by that name; nothing where it is
  /// the tensor itself that says. Throws as moments().
  std::optional<GroupParameters> static_scale(const std::string& tensor, const TensorFormat& format,
                                              ScaleRule rule) const;

  /// Seeds differ by layer and role, whatever else the network holds.
  std::uint64_t seed_of(const std::string& layer, const std::string& role) const;

 private:
  LayerTensor from_file(const std::string& where, const TensorSource& source,
                        const std::vector<std::int64_t>& native) const;
  LayerTensor from_layer(const std::string& where, const TensorSource& source,
                         const std::vector<std::int64_t>& native) const;
  LayerTensor unshaped(const NetworkLayer& layer, const std::string& role) const;

  TensorReader& files_;
  const TensorStore& store_;
  std::int64_t seed_;
  const Calibration* calibration_;
  const Network& network_;
  OperandFactors& factors_;
};

/// A linear layer's own weights: [n, k].
LayerTensor own_weights(const NetworkLayer& layer, const LayerOp& op, const LayerTensors& tensors);

/// Integers that fit 32 bits, exactly. Throws an input Error starting with `where` for others.
std::vector<std::int32_t> small_integers(const std::string& where, const StoredTensor& tensor);
/// One index of a tensor's first axis.
std::shared_ptr<const StoredTensor> first_axis_slice(const StoredTensor& whole, std::int64_t index);
/// Product of sizes. Throws an input Error starting with `where` beyond what values of a network
/// may take: 2^28 elements.
std::int64_t value_count(const std::string& where, const std::vector<std::int64_t>& shape);

}  // namespace bitjoule
