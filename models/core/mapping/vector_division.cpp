// The buffers as a vector operator has them.
#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "core/error.h"
#include "core/mapping/vector_builder.h"

namespace bitjoule {
namespace {

/// Bits of an operator's activations, and bytes of what it would keep in the weight buffer.
struct VectorDemand {
  std::int64_t input_bits = 0, output_bits = 0, kept_bytes = 0;
};

VectorDemand demand_of(const MappingProblem& p, const VectorOp& op) {
  VectorDemand d;
  d.output_bits = stored_bits(p.path.output.layout, op.elements());
  if (op.kind == VectorKind::kEmbedding) return d;
  const auto bytes = [](std::int64_t bits) { return ceil_div(bits, 8); };
  d.kept_bytes = bytes(stored_bits(p.path.weights.layout, parameter_elements(op)));
  for (const std::int64_t elements : operand_elements(op)) {
    const std::int64_t read = op.kind == VectorKind::kSlice ? op.elements() : elements;
    const std::int64_t bits = stored_bits(p.path.activations.layout, read);
    const bool is_broadcast = broadcasts(op) && elements < op.elements();
    if (is_broadcast && p.activations == ActivationMemory::kDram)
      d.kept_bytes += bytes(bits);
    else
      d.input_bits += bits;
  }
  return d;
}

/// Shares of the unified buffer by the banks of two of its roles; every other role has one.
class VectorShares {
 public:
  VectorShares(const MappingProblem& p, const VectorOp& op)
      : unified_(*p.machine.buffers.unified), demand_(demand_of(p, op)) {
    const bool table = op.kind == VectorKind::kEmbedding;
    const BufferRole reads = table ? BufferRole::kWeight : BufferRole::kInput;
    left_ = unified_.sram.banks - unified_.roles.size();
    const bool keeps = !table && unified_.roles.has(BufferRole::kWeight);
    const bool moves = unified_.roles.has(reads) || unified_.roles.has(BufferRole::kOutput);
    if (keeps) {
      const std::int64_t wanted = ceil_div(demand_.kept_bytes, unified_.bank().value) - 1;
      kept_ = moves ? std::clamp<std::int64_t>(wanted, 0, left_) : left_;
      left_ -= kept_;
    }
    reads_ = reads;
  }

  /// As the operator reads and writes, then every other way.
  std::vector<std::int64_t> splits() const {
    const bool in = unified_.roles.has(reads_), out = unified_.roles.has(BufferRole::kOutput);
    if (!in || !out) return {in ? left_ : 0};
    const auto read = static_cast<double>(demand_.input_bits);
    const auto all = read + static_cast<double>(demand_.output_bits);
    const std::int64_t banks = left_ + 2;
    const std::int64_t best = std::clamp<std::int64_t>(
        std::llround(static_cast<double>(banks) * read / std::max(all, 1.0)) - 1, 0, left_);
    std::vector<std::int64_t> ways{best};
    for (std::int64_t way = left_; way >= 0; --way)
      if (way != best) ways.push_back(way);
    return ways;
  }

  /// `more`: banks of what is read, beyond the first.
  BuffersConfig divide(BuffersConfig buffers, std::int64_t more) const {
    for (const BufferRole role : kBufferRoles) {
      if (!unified_.roles.has(role)) continue;
      BufferConfig& share = buffers.of(role);
      share = unified_.sram;
      share.banks = 1 + (role == BufferRole::kOutput   ? left_ - more
                         : role == reads_              ? more
                         : role == BufferRole::kWeight ? kept_
                                                       : 0);
      share.capacity = Bytes(share.banks * unified_.bank().value);
    }
    buffers.divided = true;
    return buffers;
  }

 private:
  const UnifiedBufferConfig& unified_;
  VectorDemand demand_;
  BufferRole reads_ = BufferRole::kInput;
  std::int64_t left_ = 0, kept_ = 0;
};

/// Every division worth trying, the best first.
std::vector<BuffersConfig> divisions(const MappingProblem& p, const VectorOp& op) {
  const BuffersConfig& b = p.machine.buffers;
  std::vector<BuffersConfig> all{b};
  if (b.unified) {
    const VectorShares shares(p, op);
    all.clear();
    for (const std::int64_t split : shares.splits()) all.push_back(shares.divide(b, split));
  }
  const std::size_t halves = all.size();
  for (std::size_t i = 0; i < halves; ++i) {
    BuffersConfig whole = all[i];
    for (const BufferRole role : kBufferRoles)
      if (whole.of(role).either_buffering) whole.of(role).double_buffered = false;
    all.push_back(whole);
  }
  return all;
}

}  // namespace

MappingProblem divided(MappingProblem p, const VectorOp& op) {
  if (!p.machine.buffers.flexible()) return p;
  std::optional<Error> first;
  for (const BuffersConfig& buffers : divisions(p, op)) {
    MappingProblem with = p;
    with.machine.buffers = buffers;
    try {
      make_vector_program(with, op);
      return with;
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::kInput) throw;
      if (!first) first = e;
    }
  }
  throw Error(*first);
}

}  // namespace bitjoule
