// TensorFlow Lite operators whose indices name places, or that find them.
#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "sim/import/tflite_number.h"

namespace bitjoule {
namespace {

// BuiltinOptions of the schema.
constexpr int kOneHotOptions = 61, kReverseSequence = 87;

VectorOp elementwise_of(VectorKind kind, std::int64_t elements) {
  VectorOp op;
  op.kind = kind;
  op.cols = elements;
  return op;
}

/// Whole numbers, which the floats of the vector unit hold.
void set_whole(NetworkLayer& layer) {
  layer.precision.output = TensorFormat{};
  layer.precision.output->format = "fp32";
  layer.precision.activations = layer.precision.output;
}

/// The products NAME.places of indices and strides, as `scaled` forms them; where an index is none
/// of its axis, what no sum with others makes a row, also not one from behind.
std::string within_axes(TfliteBuilder& builder, const std::string& name, const VectorOp& scaled,
                        const VectorOp& gather, const Shape& indexed, const std::string& indices) {
  const double none = -2.0 * static_cast<double>(gather.table_rows);
  VectorOp below = scaled, choice = scaled;
  below.kind = VectorKind::kLess;
  choice.kind = VectorKind::kSelect;
  const auto add_check = [&](const char* part, const VectorOp& what,
                             const std::vector<std::string>& inputs, std::vector<double> with) {
    NetworkLayer& layer = builder.add_step(name + part, what, inputs);
    layer.tensors["operand"].values = std::move(with);
    layer.tensors["operand"].integers = true;
    set_whole(layer);
  };
  add_check(".fits", below, {indices, kOperandInput}, {indexed.begin(), indexed.end()});
  below.operand_shapes = {scaled.shape, {1}};
  add_check(".low", below, {indices, kOperandInput}, {0});
  choice.operand_shapes = {scaled.shape, scaled.shape, {1}};
  add_check(".below", choice, {name + ".fits", name + ".places", kOperandInput}, {none});
  choice.operand_shapes = {scaled.shape, {1}, scaled.shape};
  add_check(".within", choice, {name + ".low", kOperandInput, name + ".below"}, {none});
  return name + ".within";
}

/// The row of the table that each tuple names.
std::string rows_of_tuples(TfliteBuilder& builder, const TfliteNode& node, const VectorOp& op,
                           const Shape& indexed, const std::string& rows) {
  const TfliteTensor &index = node.input(1), &y = node.output();
  const auto depth = static_cast<std::int64_t>(indexed.size());
  std::vector<double> strides(static_cast<std::size_t>(depth), 1);
  for (std::size_t i = strides.size() - 1; i-- > 0;)
    strides[i] = strides[i + 1] * static_cast<double>(indexed[i + 1]);
  VectorOp scaled = elementwise_of(VectorKind::kMul, volume_of(index.shape));
  scaled.shape = {op.rows, depth};
  scaled.operand_shapes = {scaled.shape, {depth}};
  NetworkLayer& products = builder.add_step(y.name + ".places", scaled, {rows, kOperandInput});
  products.tensors["operand"].values = strides;
  products.tensors["operand"].integers = true;
  set_whole(products);
  std::string parts = y.name + ".places";
  if (!node.input(1).is_constant()) parts = within_axes(builder, y.name, scaled, op, indexed, rows);
  VectorOp sum;
  sum.kind = VectorKind::kReduceSum;
  sum.reduced = depth;
  sum.rows = op.rows;
  set_whole(builder.add_step(y.name + ".place", sum, {parts}));
  return y.name + ".place";
}

/// Appends the layer of the node's output: rows of a table, which the first operand is, by `op`.
void add_taken(TfliteBuilder& builder, const TfliteNode& node, const VectorOp& op,
               const TensorSource& table, const std::string& indices, const Shape& places = {}) {
  NetworkLayer& layer = builder.add(node, op, {indices});
  layer.tensors["table"] = table;
  if (!places.empty()) {
    layer.tensors["operand"].values.assign(places.begin(), places.end());
    layer.tensors["operand"].integers = true;
  }
  if (is_code(node.output())) layer.precision.weights = layer.precision.output;
}

VectorOp rows_of(std::int64_t table_rows, std::int64_t rows, std::int64_t cols) {
  VectorOp op;
  op.kind = VectorKind::kEmbedding;
  op.table_rows = table_rows;
  op.rows = rows;
  op.cols = cols;
  op.operand_shapes = {{rows}};
  return op;
}

std::int64_t volume_between(const Shape& shape, std::size_t first, std::size_t end) {
  return volume_of({shape.begin() + static_cast<std::ptrdiff_t>(first),
                    shape.begin() + static_cast<std::ptrdiff_t>(end)});
}

TensorSource table_of(TfliteBuilder& builder, const TfliteNode& node, const TfliteTensor& x) {
  TensorSource table = x.is_constant() ? builder.source(x) : TensorSource();
  if (!x.is_constant()) table.input = builder.layer_of(node, x);
  return table;
}

/// The first so many places of each sequence backwards, the rest as they are.
void reverse_sequence(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &x = node.input(0), &count = node.input(1);
  require_copy(node, x, node.output());
  const auto along = [&](int slot) {
    const auto axis = node.option<std::int32_t>(kReverseSequence, slot, 0);
    return static_cast<std::size_t>(node.settled_axis(axis, x.shape.size()));
  };
  const std::size_t sequence = along(0), batch = along(1);
  if (sequence == batch) node.fail("the axes of sequences and batches are one");
  if (!count.is_constant()) node.fail("lengths that depend on data are not supported");
  const Shape lengths = node.integers(1);
  if (static_cast<std::int64_t>(lengths.size()) != x.shape[batch])
    node.fail(fmt::format("{} lengths of {} sequences", lengths.size(), x.shape[batch]));
  for (const std::int64_t length : lengths)
    if (length < 0 || length > x.shape[sequence])
      node.fail(fmt::format("a length of {} in an axis of {}", length, x.shape[sequence]));
  const std::size_t last = std::max(sequence, batch) + 1;
  const std::int64_t rows = volume_between(x.shape, 0, last);
  check_made(node, rows);
  const auto stride = [&](std::size_t axis) { return volume_between(x.shape, axis + 1, last); };
  Shape places;
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t at = row / stride(sequence) % x.shape[sequence];
    const std::int64_t length =
        lengths[static_cast<std::size_t>(row / stride(batch) % x.shape[batch])];
    places.push_back(at < length ? row + (length - 1 - 2 * at) * stride(sequence) : row);
  }
  add_taken(builder, node, rows_of(rows, rows, volume_between(x.shape, last, x.shape.size())),
            table_of(builder, node, x), kOperandInput, places);
}

/// Rows of updates at places that are constants, among zeros.
void scatter_nd(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &index = node.input(0), &x = node.input(1), &y = node.output();
  require_copy(node, x, y);
  if (!index.is_constant()) node.fail("places that depend on data are not supported");
  const Shape to = node.integers(2), tuples = node.integers(0);
  const std::int64_t depth = index.shape.empty() ? 0 : index.shape.back();
  if (depth < 1 || depth > static_cast<std::int64_t>(to.size()) || to != y.shape)
    node.fail("its places do not fit its result");
  const auto axes = static_cast<std::size_t>(depth);
  const std::int64_t updates = volume_of(index.shape) / depth;
  const std::int64_t cols = volume_between(to, axes, to.size()), rows = volume_between(to, 0, axes);
  if (volume_of(x.shape) != updates * cols) node.fail("its updates do not fit their places");
  check_made(node, rows);
  Shape from(static_cast<std::size_t>(rows), updates);  // a row of zeros behind the updates
  for (std::int64_t i = 0; i < updates; ++i) {
    std::int64_t place = 0;
    for (std::size_t a = 0; a < axes; ++a) {
      const std::int64_t at = tuples[static_cast<std::size_t>(i) * axes + a];
      if (at < 0 || at >= to[a]) node.fail(fmt::format("index {} of an axis of {}", at, to[a]));
      place = place * to[a] + at;
    }
    std::int64_t& row = from[static_cast<std::size_t>(place)];
    if (row != updates) node.fail("sums of updates of one place are not supported");
    row = i;
  }
  VectorOp with_zeros = slice_of({updates, cols}, {updates + 1, cols}, {0, 0}, {});
  with_zeros.kind = VectorKind::kPad;
  const std::string padded = y.name + ".padded";
  builder.add_coded_part(padded, with_zeros, {builder.layer_of(node, x)}, y);
  TensorSource table;
  table.input = padded;
  add_taken(builder, node, rows_of(updates + 1, rows, cols), table, kOperandInput, from);
}

/// Elements or rows of the first operand by tuples of indices, which become one index each.
void gather_nd(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &x = node.input(0), &index = node.input(1), &y = node.output();
  if (!same_scale(x, y) || !x.complication.empty())
    node.fail("expected one type, scale and zero-point of operand and result");
  if (index.type != "int32" && index.type != "int64") node.fail("expected integers as indices");
  const std::int64_t depth = index.shape.empty() ? 0 : index.shape.back();
  if (depth < 1 || depth > static_cast<std::int64_t>(x.shape.size()))
    node.fail("the indices do not fit the operand");
  const Shape indexed(x.shape.begin(), x.shape.begin() + depth);
  const Shape row(x.shape.begin() + depth, x.shape.end());
  if (index.is_constant()) {
    const Shape stored = node.integers(1);
    for (std::size_t i = 0; i < stored.size(); ++i) {
      const std::int64_t size = indexed[i % indexed.size()];
      if (stored[i] < 0 || stored[i] >= size)
        node.fail(fmt::format("index {} of an axis of {}", stored[i], size));
    }
  }
  const VectorOp op = rows_of(volume_of(indexed), volume_of(index.shape) / depth, volume_of(row));
  std::string rows = builder.layer_of(node, index);
  if (depth > 1) rows = rows_of_tuples(builder, node, op, indexed, rows);
  add_taken(builder, node, op, table_of(builder, node, x), rows);
}

/// Rows of a table of reals.
void embedding_lookup(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &index = node.input(0), &x = node.input(1), &y = node.output();
  if (x.shape.size() < 2 || !same_scale(x, y) || !x.complication.empty())
    node.fail("expected a table of the result's type and scale");
  VectorOp op;
  op.kind = VectorKind::kEmbedding;
  op.table_rows = x.shape[0];
  op.rows = volume_of(index.shape);
  op.cols = volume_of(x.shape) / std::max<std::int64_t>(1, op.table_rows);
  op.operand_shapes = {{op.rows}};
  if (!x.is_constant()) node.fail("the table must be a constant");
  NetworkLayer& layer = builder.add(node, op, {builder.layer_of(node, index)});
  layer.tensors["table"] = builder.source(x);
  if (is_code(x)) layer.precision.weights = layer.precision.output;
}

/// `on` where an index is the place along a new axis, `off` elsewhere.
void one_hot(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &index = node.input(0), &y = node.output();
  require_numbers(node, {&index});
  if (y.type != "bool") require_numbers(node, {&y});
  const double depth = stored_number(builder, node, 1), on = stored_number(builder, node, 2),
               off = stored_number(builder, node, 3);
  const std::size_t axes = y.shape.size();
  const auto axis = static_cast<std::size_t>(
      node.settled_axis(node.option<std::int32_t>(kOneHotOptions, 0, -1), axes));
  if (static_cast<double>(y.shape[axis]) != depth) node.fail("the depth is not that of its result");
  check_made(node, y.shape[axis]);
  VectorOp same = whole_op(VectorKind::kEqual, y);
  same.shape = y.shape;
  same.operand_shapes = {y.shape, Shape(axes, 1)};
  same.operand_shapes[0][axis] = 1;
  same.operand_shapes[1][axis] = y.shape[axis];
  add_with(builder, node, y.name + ".found", same, {builder.layer_of(node, index), kOperandInput},
           counted(y.shape[axis]), true);
  // Chosen, not computed of on - off: both stay as they are stored.
  std::string found = y.name + ".found", all_off = found;
  if (y.type == "fp32") {
    const VectorOp real = whole_op(VectorKind::kDequantizeLinear, y);
    all_off = builder.add_part(node, y.name + ".real", real, {found}).name;
  }
  VectorOp no_hit = whole_op(VectorKind::kAffine, y), choice = whole_op(VectorKind::kSelect, y);
  no_hit.alpha = 0;
  no_hit.beta = off;
  choice.shape = {choice.cols};
  choice.operand_shapes = {choice.shape, {1}, choice.shape};
  all_off = builder.add_part(node, y.name + ".off", no_hit, {all_off}).name;
  NetworkLayer& layer = builder.add(node, choice, {found, kOperandInput, all_off});
  layer.tensors["operand"].values = {on};
  layer.tensors["operand"].integers = y.type != "fp32";
}

/// The largest of each row one after the other. In the place of what was taken stands the row's
/// least, which is right for every type; of equal ones the first that is still open is next.
void top_k(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor& x = node.input(0);
  require_numbers(node, {&x, &node.output()});
  const Shape count = node.integers(1);
  const std::int64_t k = count.size() == 1 ? count[0] : 0;
  const std::int64_t size = x.shape.empty() ? 0 : x.shape.back();
  if (k < 1 || k > size || k > 1024 || size > 16 * kMostNumbers / k || node.outputs() != 2)
    node.fail(fmt::format("the {} largest of {} are not supported", k, size));
  const std::string name = node.output().name;
  VectorOp most, place;
  most.kind = VectorKind::kReduceMax;
  most.reduced = size;
  most.rows = volume_of(x.shape) / size;
  place = most;
  place.kind = VectorKind::kArgMax;
  VectorOp of_rows = elementwise_of(VectorKind::kEqual, volume_of(x.shape));
  of_rows.shape = {most.rows, size};
  of_rows.operand_shapes = {of_rows.shape, {most.rows, 1}};
  const auto select = [&](std::vector<Shape> shapes) {
    VectorOp op = of_rows;
    op.kind = VectorKind::kSelect;
    op.operand_shapes = std::move(shapes);
    return op;
  };
  std::string rest = builder.layer_of(node, x), open;
  std::vector<std::string> values, places;
  for (std::int64_t i = 0; i < k; ++i) {
    const auto part = [&](const char* what) { return fmt::format("{}.{}.{}", name, i, what); };
    values.push_back(builder.add_part(node, part("value"), most, {rest}).name);
    std::string free = builder.add_part(node, part("same"), of_rows, {rest, values[i]}).name;
    if (i > 0) {
      const VectorOp both = select({of_rows.shape, of_rows.shape, {1}});
      free =
          add_with(builder, node, part("free"), both, {free, open, kOperandInput}, {0}, true).name;
    }
    places.push_back(builder.add_part(node, part("place"), place, {free}).name);
    if (i + 1 == k) break;
    VectorOp at = of_rows;
    at.operand_shapes = {{most.rows, 1}, {size}};
    add_with(builder, node, part("found"), at, {places.back(), kOperandInput}, counted(size), true);
    VectorOp still = of_rows;  // open: what was and is not found; both are 0 or 1
    if (i == 0) {
      VectorOp least = most;
      least.kind = VectorKind::kReduceMin;
      builder.add_part(node, name + ".least", least, {rest});
      still.operand_shapes = {of_rows.shape, {1}};
      add_with(builder, node, part("open"), still, {part("found"), kOperandInput}, {0}, true);
    } else {
      still.kind = VectorKind::kLess;
      still.operand_shapes = {of_rows.shape, of_rows.shape};
      builder.add_part(node, part("open"), still, {part("found"), open});
    }
    open = part("open");
    rest = builder
               .add_part(node, part("rest"), select({of_rows.shape, {most.rows, 1}, of_rows.shape}),
                         {part("found"), fmt::format("{}.least", name), rest})
               .name;
  }
  VectorOp join = elementwise_of(VectorKind::kConcat, most.rows * k);
  join.shape = {most.rows, k};
  join.axes = {1};
  join.operand_shapes.assign(static_cast<std::size_t>(k), {most.rows, 1});
  if (k == 1) join = elementwise_of(VectorKind::kReshape, most.rows);
  builder.add(node, join, values, 0);
  builder.add(node, join, places, 1);
}

}  // namespace

void gather_of_batches(TfliteBuilder& builder, const TfliteNode& node, std::size_t shared,
                       std::size_t axis) {
  const TfliteTensor &x = node.input(0), &index = node.input(1), &y = node.output();
  const std::size_t axes = x.shape.size();
  for (std::size_t i = 0; i < shared; ++i)
    if (x.shape[i] != index.shape[i]) node.fail("operand and indices have other batches");
  const std::int64_t batches = volume_between(x.shape, 0, shared), size = x.shape[axis],
                     outer = volume_between(x.shape, shared, axis),
                     taken = volume_between(index.shape, shared, index.shape.size());
  const VectorOp op = rows_of(batches * outer * size, batches * outer * taken,
                              volume_between(x.shape, axis + 1, axes));
  check_made(node, index.is_constant() ? op.rows : batches * outer);
  if (index.is_constant()) {
    const Shape stored = node.integers(1);
    Shape places;
    for (std::int64_t row = 0; row < op.rows; ++row) {
      const std::int64_t block = row / taken;
      const std::int64_t at = stored[static_cast<std::size_t>(block / outer * taken + row % taken)];
      if (at < 0 || at >= size) node.fail(fmt::format("index {} of an axis of {}", at, size));
      places.push_back(block * size + at);
    }
    return add_taken(builder, node, op, table_of(builder, node, x), kOperandInput, places);
  }
  VectorOp same = elementwise_of(VectorKind::kMul, batches * taken);
  same.shape = {batches * taken, 1};
  same.operand_shapes = {same.shape, {1}};
  const std::string indices = builder.layer_of(node, index);
  const auto add_whole = [&](const std::string& name, const VectorOp& what,
                             const std::string& input, std::vector<double> with) {
    NetworkLayer& layer = builder.add_step(name, what, {input, kOperandInput});
    layer.tensors["operand"].values = std::move(with);
    layer.tensors["operand"].integers = true;
    set_whole(layer);
  };
  add_whole(y.name + ".places", same, indices, {1});
  const std::string within = within_axes(builder, y.name, same, op, {size}, indices);
  VectorOp sum = elementwise_of(VectorKind::kAdd, op.rows);
  sum.shape = {batches, outer, taken};
  sum.operand_shapes = {{batches, 1, taken}, {batches, outer, 1}};
  std::vector<double> firsts = counted(batches * outer);
  for (double& first : firsts) first *= static_cast<double>(size);
  add_whole(y.name + ".rows", sum, within, std::move(firsts));
  add_taken(builder, node, op, table_of(builder, node, x), y.name + ".rows");
}

const std::vector<TfliteLayerRow>& tflite_place_operators() {
  static const std::vector<TfliteLayerRow> kRows = {
      {"GATHER_ND", 2, gather_nd},
      {"EMBEDDING_LOOKUP", 2, embedding_lookup},
      {"REVERSE_SEQUENCE", 2, reverse_sequence},
      {"SCATTER_ND", 3, scatter_nd},
      {"ONE_HOT", 4, one_hot},
      {"TOPK_V2", 2, top_k},
  };
  return kRows;
}

}  // namespace bitjoule
