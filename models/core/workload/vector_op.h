// The layers that are not MACs: what the vector unit does per element, and their float semantics.
// docs/networks.md prints the table with every row's passes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/energy/action.h"
#include "core/machine/machine.h"
#include "core/units.h"
#include "core/workload/layer.h"

namespace bitjoule {

enum class VectorKind {
  // Over whole rows.
  kSoftmax,
  kRmsNorm,
  kLayerNorm,
  kL2Norm,
  kReduceMean,
  kReduceSum,
  kReduceMax,
  kReduceMin,
  kReduceProd,
  kArgMax,    ///< the index of the largest, the first of equal ones
  kHadamard,  ///< blocks of 2^reduced columns times an orthogonal matrix of signs
  kQuantize,  ///< dynamic: one scale per row (token)
  kRoute,     ///< a mixture's router: weights of the experts chosen for a row, else 0
  kCombine,   ///< the chosen experts' results of a row, weighted
  // Of recurrent layers; a row is one sequence, its gates lie one after the other.
  kLstmCell,
  kLstmHidden,
  kGruReset,
  kGruHidden,
  kRope,
  // Element by element.
  kRelu,
  kAffine,
  kClip,
  kLeakyRelu,
  kSigmoid,
  kSilu,
  kHardSigmoid,
  kHardSwish,
  kTanh,
  kSoftcap,
  kGelu,
  kGeluTanh,
  kErf,
  kExp,
  kSqrt,
  kRsqrt,
  kAbs,
  kSign,
  kLog,
  kFloor,
  kCeil,
  kRound,
  kSin,
  kCos,
  kAtan,
  kElu,
  kMish,
  kSoftplus,
  kReciprocal,
  kChannelScale,
  kBatchNorm,
  kLrn,
  kResize,  ///< linear between the elements of the operand
  kAdd,
  kSub,
  kMul,
  kDiv,
  kPow,
  kRemainder,
  kFloorMod,
  kAtan2,
  kMax,
  kMin,
  kPrelu,
  kSquaredDifference,
  kEqual,
  kLess,
  kLessEqual,
  kSelect,
  kClampedSwiglu,
  kQuantizeLinear,
  kDequantizeLinear,
  // Windows.
  kMaxPool,
  kAvgPool,
  kGlobalAvgPool,
  kGlobalMaxPool,
  // Data movement.
  kEmbedding,
  kConcat,
  kSlice,
  kPad,
  kExpand,
  kResizeNearest,
  kShiftIn,  ///< into a state: the oldest column leaves it
  kScatter,  ///< rows into those that indices name
  kReshape,
  kTranspose,
  kDispatch,  ///< rows once for each expert chosen for them, expert by expert
};

/// The geometry of a pool: a depthwise convolution, groups == channels == filters.
struct PoolWindow : Conv2d {
  /// Of pad_bottom and pad_right, what lies behind the padding proper: the last windows of
  /// ceil_mode reach it, and no mean counts it.
  std::int64_t beyond_bottom = 0, beyond_right = 0;

  /// Whether a place counts in the mean of avg_pool with count_padding.
  bool is_padded_image(std::int64_t row, std::int64_t column) const {
    return row >= -pad_top && row < height + pad_bottom - beyond_bottom && column >= -pad_left &&
           column < width + pad_right - beyond_right;
  }
};

/// RoPE beyond the contexts of the training: all frequencies are divided by `factor`; with
/// `original` tokens of training, as Llama 3.1 does, only those that turn less than
/// `low_frequency` times in that many, those above `high_frequency` times not at all, and those
/// between in between.
struct RopeScaling {
  double factor = 1;
  double low_frequency = 1, high_frequency = 4;
  std::int64_t original = 0;  ///< 0: no frequency is spared
};

/// How a mixture of experts chooses: the `chosen` best scores of a row, and what they weigh.
struct Routing {
  enum class Scores { kSoftmax, kSigmoid, kChosenSoftmax };  ///< the last: over the chosen alone
  std::int64_t experts = 1, chosen = 1;
  Scores scores = Scores::kSoftmax;
  bool normalized = false;  ///< weights of the chosen are divided by their sum
  double scale = 1;         ///< and multiplied by it
  bool biased = false;      ///< a trained bias for each expert counts in the choice alone
  /// Of so many groups of consecutive experts, `kept_groups` with the largest sums of their
  /// `group_best` best scores are chosen from.
  std::int64_t groups = 1, kept_groups = 1, group_best = 1;
};

/// T5's relative positions: a trained score for each head and bucket of distances, of key and
/// query. Half of the buckets hold one distance each, the others grow until those at `farthest` and
/// beyond are one. Without `causal` keys behind the query have half of all buckets.
struct Distances {
  std::int64_t buckets = 32;
  std::int64_t farthest = 128;
};

/// Which place of the operand an element of a resized tensor comes from: with scale = input size /
/// output size (or what `scales` says) along an axis, and o the output's index.
struct Resize {
  enum class Coordinates {
    kHalfPixel,         ///< (o + 0.5) * scale - 0.5
    kPytorchHalfPixel,  ///< the same, 0 where the output has one element
    kAlignCorners,      ///< o * (input - 1) / (output - 1)
    kAsymmetric,        ///< o * scale
    kFromHalf,          ///< (o + 0.5) * scale
  };
  enum class Rounding { kPreferFloor, kPreferCeil, kFloor, kCeil };  ///< resize_nearest
  Coordinates coordinates = Coordinates::kHalfPixel;
  Rounding rounding = Rounding::kPreferFloor;
  std::vector<double> scales;  ///< output size / input size of each axis; empty: of the sizes
};

/// What integers of a quantized tensor stand for: scale * (code - zero_point).
struct CodeScale {
  double scale = 1;  ///< a float
  std::int64_t zero_point = 0;
};

/// An operator of a quantized network: its operands and its result are codes.
struct VectorCodes {
  std::vector<CodeScale> operands;
  CodeScale output;
  std::string activation;  ///< then clamps: "", "relu", "relu6" or "relu_n1_to_1"
  /// TensorFlow Lite's XNNPACK delegate takes the operator; else its built-in kernels compute it.
  bool delegated = true;
  /// A mean over height and width whose result has four axes: the built-in kernels round it as
  /// fixed point, all other means as floats.
  bool keeps_axes = false;
};

/// One operator of the vector unit. Its output is `rows` x `cols`; a row is what is normalised,
/// reduced, quantized or looked up as one. A row operator reads as many elements per row as `cols`,
/// except reductions, which read `reduced`, and recurrent ones, whose gates have `cols` each.
struct VectorOp {
  VectorKind kind = VectorKind::kRelu;
  std::int64_t rows = 1, cols = 1;
  /// Reductions: elements per output; lrn: channels in the window; hadamard: stages of 2^reduced
  /// columns; quantize: scales of a row, whose last one may be of fewer elements.
  std::int64_t reduced = 1;
  std::int64_t operands = 2;         ///< concat, add, ...: tensors read
  std::optional<PoolWindow> window;  ///< pools
  bool count_padding = false;        ///< avg_pool: padded places count in the mean
  std::int64_t table_rows = 0;       ///< embedding: rows of the table
  /// softmax: causal when > 0: consecutive rows of one sequence; of `causal` rows, row r sees the
  /// first cols - causal + r + 1 columns.
  std::int64_t causal = 0;
  /// softmax: of the columns that a row sees, the last `reach`; 0: all.
  std::int64_t reach = 0;
  std::int64_t heads = 1;     ///< rope: rows of one token; softmax: heads, of `causal` rows each
  std::int64_t position = 0;  ///< rope, embedding: position of the first token
  std::int64_t tokens = 0;    ///< rope: tokens of one sequence; 0: all
                              ///< embedding: above 0, rows are looked up by their tokens' positions
  /// softmax: above 0, scores get slope * (key - query), with slopes 2^(-alibi * (h + 1) / heads)
  /// where heads are a power of two (ALiBi).
  double alibi = 0;
  bool sinks = false;                  ///< softmax: a trained score for each head, of no column
  std::optional<Distances> distances;  ///< softmax of scores times alpha, to which theirs are added
  std::optional<Routing> routing;      ///< route, combine, dispatch
  /// rope: pairs (2i, 2i+1) as Llama; else (i, i + rotated/2) as NeoX
  bool interleaved = false;
  std::int64_t rotated = 0;            ///< rope: leading columns that are rotated; 0: all
  std::optional<RopeScaling> scaling;  ///< rope
  std::optional<double> alpha, beta;   ///< constants of the row's formula; default: the row's
  double bias = 1;                     ///< lrn's k
  /// Shapes for broadcasting, transposing, slicing, padding and concatenating; empty where every
  /// operand has the output's rows x cols.
  std::vector<std::int64_t> shape;                        ///< of the output
  std::vector<std::vector<std::int64_t>> operand_shapes;  ///< of the operands
  /// transpose: permutation; concat: axis; lstm: places of the gates i, f, c, o; gru: of z, r, n
  std::vector<std::int64_t> axes;
  std::vector<std::int64_t> starts;  ///< slice: first index; pad: leading pad
  std::vector<std::int64_t> steps;   ///< slice; pad
  std::optional<Resize> resize;
  std::optional<VectorCodes> codes;  ///< of a quantized network

  std::int64_t elements() const { return rows * cols; }
};

/// Far above any real tensor; products of two such sizes are refused before they overflow.
constexpr std::int64_t kMaxVectorElements = std::int64_t{1} << 46;

/// What a step's count multiplies.
enum class Per { kElement, kRow, kWindow };

/// `count` times a primitive per output element, per row, or per element of the window.
struct VectorStep {
  Primitive primitive;
  Per per;
  std::int64_t count;
};

/// One stream of all elements through the lanes; the next pass needs its result.
using VectorPass = std::vector<VectorStep>;

/// A row of the table: the operator's name, what it computes, and its passes.
struct VectorRow {
  VectorKind kind;
  const char* name;
  const char* formula;
  std::int64_t operands;  ///< activations read; 0: VectorOp::operands of them
  /// Trained parameters per column (norms, batch norm); an embedding's table is apart.
  std::int64_t parameters_per_col;
  bool moves_nothing;  ///< only the addressing changes: neither cycles nor traffic
  double alpha, beta;  ///< the formula's constants where the operator does not say
  std::vector<VectorPass> passes;
};

/// All operators, in the order of VectorKind.
const std::vector<VectorRow>& vector_rows();
const VectorRow& vector_row(VectorKind kind);
/// Throws an input Error that lists the valid names.
const VectorRow& find_vector_row(const std::string& name);

/// The primitives of one pass with their total counts, in table order.
struct VectorWork {
  Primitive primitive;
  std::int64_t count;
};
std::vector<std::vector<VectorWork>> vector_work(const VectorOp& op);

/// Each primitive of a pass takes ceil(count / lanes) cycles, each pass `latency` more. Operators
/// without arithmetic take ceil(elements / lanes) + latency, and none when they move nothing.
Cycles vector_cycles(const VectorOp& op, const VectorUnitConfig& unit);

/// Smaller operands are repeated along the larger ones, as numpy does.
bool broadcasts(const VectorOp& op);
/// Gates of a recurrent operator; 0 of others.
std::int64_t recurrent_gates(VectorKind kind);
/// Whether it makes one result of `reduced` elements.
bool reduces(VectorKind kind);

/// Elements of each operand read, in order. An embedding reads `rows` rows of its table.
std::vector<std::int64_t> operand_elements(const VectorOp& op);
std::int64_t parameter_elements(const VectorOp& op);

/// Columns of a row that rope rotates.
std::int64_t rotated_cols(const VectorOp& op);

/// softmax: rows of one head and sequence: as many as `causal`, or with distances as columns; else
/// one.
std::int64_t rows_of_head(const VectorOp& op);

/// softmax with distances: the bucket of a key that is so many columns before the query.
std::int64_t distance_bucket(const VectorOp& op, std::int64_t distance);

/// ALiBi's slope of a head; of heads that are no power of two, those of the next smaller one come
/// first, then every other one of twice as many.
double alibi_slope(const VectorOp& op, std::int64_t head);

/// The rows that an embedding without an operand looks up: those of the tokens' positions (beyond
/// the table from its beginning on, which only time and traffic go through with), or spread over
/// the table by Fibonacci hashing.
std::int64_t default_index(const VectorOp& op, std::int64_t row);

double vector_alpha(const VectorOp& op);
double vector_beta(const VectorOp& op);

/// Checks sizes and shapes; throws an input Error that names the offending field.
void check_vector_op(const VectorOp& op);

}  // namespace bitjoule
