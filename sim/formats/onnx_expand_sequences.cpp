// Sequences of tensors whose lengths follow from sizes and constants: lists of names, of which
// nothing is left when the graph is built.
#include <fmt/format.h>

#include <algorithm>

#include "sim/formats/onnx_expand.h"

namespace bitjoule {
namespace {

using Names = std::vector<std::string>;

/// The elements of an operand; fails where it is no sequence.
const Names& elements_of(const OnnxWriter& w, int operand) {
  const Names* found = w.sequence(operand);
  if (found == nullptr)
    w.node.fail(
        fmt::format("\"{}\" is no sequence whose elements are known", w.node.input(operand)));
  return *found;
}

/// A position of 0 .. `end`, from the end where it is negative; `otherwise` where it is not given.
std::size_t position(const OnnxWriter& w, int operand, std::size_t size, std::size_t end,
                     std::size_t otherwise) {
  if (!w.has(operand)) return otherwise;
  const std::optional<Shape> given = w.whole(operand);
  if (!given || given->size() != 1) w.node.fail("its position must be a constant");
  const std::int64_t at =
      (*given)[0] < 0 ? (*given)[0] + static_cast<std::int64_t>(size) : (*given)[0];
  if (at < 0 || at > static_cast<std::int64_t>(end))
    w.node.fail(fmt::format("position {} of a sequence of {}", (*given)[0], size));
  return static_cast<std::size_t>(at);
}

void construct(OnnxWriter& w) {
  Names all;
  for (int i = 0; w.has(i); ++i) all.push_back(w.node.input(i));
  w.yield_sequence(std::move(all));
}

void empty(OnnxWriter& w) { w.yield_sequence({}); }

void insert(OnnxWriter& w) {
  Names all = elements_of(w, 0);
  const std::size_t at = position(w, 2, all.size(), all.size(), all.size());
  all.insert(all.begin() + static_cast<std::ptrdiff_t>(at), w.node.input(1));
  w.yield_sequence(std::move(all));
}

void erase(OnnxWriter& w) {
  Names all = elements_of(w, 0);
  if (all.empty()) w.node.fail("its sequence is empty");
  const std::size_t at = position(w, 1, all.size(), all.size() - 1, all.size() - 1);
  all.erase(all.begin() + static_cast<std::ptrdiff_t>(at));
  w.yield_sequence(std::move(all));
}

void element(OnnxWriter& w) {
  const Names& all = elements_of(w, 0);
  if (all.empty()) w.node.fail("its sequence is empty");
  w.add("Identity", {all[position(w, 1, all.size(), all.size() - 1, 0)]});
}

void length(OnnxWriter& w) {
  w.sized_of(onnx::TensorProto::INT64, "length",
             {static_cast<std::int64_t>(elements_of(w, 0).size())}, {});
  w.to_output(0);
}

/// Along an axis of the elements, or along a new one.
void concatenate(OnnxWriter& w) {
  Names all = elements_of(w, 0);
  if (all.empty()) w.node.fail("its sequence is empty");
  const std::int64_t axis = w.node.integer("axis", 0);
  if (w.node.integer("new_axis", 0) != 0) {
    const std::string axes = w.sized("axes", {axis});
    for (std::size_t i = 0; i < all.size(); ++i)
      all[i] = w.add("Unsqueeze", {all[i], axes}, fmt::format("wide{}", i));
  }
  w.add("Concat", all);
  w.with("axis", axis);
}

/// Parts of sizes that are given, or of one each, which then lose that axis.
void split(OnnxWriter& w) {
  if (w.reads_constants() && !w.knows_shape(0)) return w.yield_sequence({});
  const Shape x = w.shape(0);
  const auto axes = static_cast<std::int64_t>(x.size());
  const std::int64_t stated = w.node.integer("axis", 0), axis = stated < 0 ? stated + axes : stated;
  if (axis < 0 || axis >= axes) w.node.fail(fmt::format("axis {}", stated));
  const std::int64_t size = x[static_cast<std::size_t>(axis)];
  constexpr std::int64_t kMostParts = 4096;
  const auto check_count = [&](std::int64_t parts) {
    if (parts > kMostParts) w.node.fail(fmt::format("{} parts", parts));
  };
  Shape sizes;
  if (w.has(1)) {
    const std::optional<Shape> given = w.whole(1);
    if (!given || given->empty()) w.node.fail("the sizes of its parts must be constants");
    sizes = *given;
    if (sizes.size() == 1 && w.shape(1).empty()) {
      const std::int64_t part = sizes[0];
      if (part < 1) w.node.fail(fmt::format("parts of {}", part));
      check_count(size / part);
      sizes.assign(static_cast<std::size_t>(size / part), part);
      if (size % part != 0) sizes.push_back(size % part);
    }
  } else {
    check_count(size);
    sizes.assign(static_cast<std::size_t>(size), 1);
  }
  check_count(static_cast<std::int64_t>(sizes.size()));
  const bool goes = !w.has(1) && w.node.integer("keepdims", 1) == 0;
  Names parts;
  std::int64_t from = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto part = [&](const char* what) { return fmt::format("{}{}", what, i); };
    parts.push_back(w.add("Slice",
                          {w.node.input(0), w.sized(part("from"), {from}),
                           w.sized(part("to"), {from + sizes[i]}), w.sized(part("axis"), {axis})},
                          part("part")));
    if (goes)
      parts.back() = w.add("Squeeze", {parts.back(), w.sized(part("axes"), {axis})}, part("flat"));
    from += sizes[i];
  }
  if (from != size) w.node.fail(fmt::format("parts of {} elements, of {}", from, size));
  w.yield_sequence(std::move(parts));
}

/// A sequence under another name; of tensors the node stays as it is.
void same(OnnxWriter& w) {
  if (const Names* all = w.sequence(0)) w.yield_sequence(Names(*all));
}

}  // namespace

std::vector<OnnxExpansion> onnx_sequence_expansions() {
  return {{"", "SequenceConstruct", "", construct},
          {"", "SequenceEmpty", "dtype:i", empty},
          {"", "SequenceInsert", "", insert},
          {"", "SequenceErase", "", erase},
          {"", "SequenceAt", "", element},
          {"", "SequenceLength", "", length},
          {"", "ConcatFromSequence", "axis:i new_axis:i", concatenate},
          {"", "SplitToSequence", "axis:i keepdims:i", split},
          {"", "Identity", "", same}};
}

}  // namespace bitjoule
