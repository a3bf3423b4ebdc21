// bitsandbytes: blocks of a flat weight with a largest magnitude each, and int8 by rows.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <limits>

#include "core/error.h"
#include "core/numeric/nf4.h"
#include "core/units.h"
#include "sim/formats/checkpoint_schemes.h"

namespace bitjoule {
namespace bitsandbytes {
namespace {

namespace json = boost::json;

using Module = ModuleTensors;
using Rules = CheckpointRules;

const char* const kStates[] = {"weight.quant_state.bitsandbytes__nf4",
                               "weight.quant_state.bitsandbytes__fp4"};

const StoredTensor* state_of(const Module& m) {
  for (const char* part : kStates)
    if (const StoredTensor* state = m.find(part)) return state;
  return nullptr;
}

bool is_four(const Module& m, const Rules&) {
  return state_of(m) != nullptr && m.find("weight.absmax") != nullptr;
}

/// {"quant_type": "nf4", "blocksize": 64, "shape": [n, k], ...}
struct State {
  json::object text;
  std::int64_t block = 0, rows = 0, k = 0;
  bool nested = false;
};

State read_state(const Module& m) {
  const StoredTensor& stored = *state_of(m);
  boost::system::error_code error;
  const json::value parsed =
      json::parse({reinterpret_cast<const char*>(stored.data), stored.bytes}, error);
  if (error || !parsed.is_object())
    m.refuse(fmt::format("\"{}\": expected an object as text", stored.name));
  State state;
  state.text = parsed.get_object();
  const json::value* shape = state.text.if_contains("shape");
  const json::value* block = state.text.if_contains("blocksize");
  const auto positive = [](const json::value& v) {
    return v.is_int64() && v.get_int64() > 0 &&
           v.get_int64() <= std::numeric_limits<std::int32_t>::max();
  };
  if (shape == nullptr || !shape->is_array() || shape->get_array().size() != 2 ||
      !positive(shape->get_array()[0]) || !positive(shape->get_array()[1]) || block == nullptr ||
      !positive(*block))
    m.refuse(fmt::format("\"{}\": expected a shape of two sizes and a blocksize", stored.name));
  state.rows = shape->get_array()[0].get_int64();
  state.k = shape->get_array()[1].get_int64();
  state.block = block->get_int64();
  state.nested = m.find("weight.nested_absmax") != nullptr;
  return state;
}

StoredForm four_form(const Module& m, const Rules&) {
  const State state = read_state(m);
  StoredForm form;
  form.rows = state.rows;
  form.k = state.k;
  const std::int64_t count = form.rows * form.k;
  // The bytes may be called another type of the same size.
  if (m.at("weight").bytes * 2 != static_cast<std::uint64_t>(count))
    m.refuse(fmt::format("{} x {} codes of 4 bits, but {} bytes", form.rows, form.k,
                         m.at("weight").bytes));
  if (form.k % state.block != 0)
    m.refuse(fmt::format("rows of {} inputs do not fill blocks of {}, which then run across rows",
                         form.k, state.block));
  const json::value* type = state.text.if_contains("quant_type");
  const bool nf4 = type != nullptr && *type == "nf4";
  if (!nf4 && (type == nullptr || *type != "fp4")) m.refuse("quant_type: expected nf4 or fp4");
  form.format.format = std::string(nf4 ? "nf4" : "fp4_bnb") + (state.nested ? "_dq" : "");
  form.format.granularity = Granularity::kPerGroup;
  form.format.group_size = state.block;
  const std::int64_t blocks = count / state.block;
  if (m.at("weight.absmax").elements() != blocks ||
      !m.has("weight.absmax", state.nested ? "uint8" : "fp32"))
    m.refuse(fmt::format("\"weight.absmax\": expected {} numbers of {}", blocks,
                         state.nested ? "8 bits" : "fp32"));
  if (state.nested && (m.at("weight.nested_absmax").elements() != ceil_div(blocks, 256) ||
                       !m.has("weight.nested_absmax", "fp32")))
    m.refuse(fmt::format("\"weight.nested_absmax\": expected {} numbers of fp32",
                         ceil_div(blocks, 256)));
  return form;
}

void require_table(const Module& m, const char* part, const float* expected, std::int64_t n) {
  const StoredTensor& table = m.at(part);
  bool same = table.elements() == n && m.has(part, "fp32");
  for (std::int64_t i = 0; same && i < n; ++i) same = float_at(table, i) == expected[i];
  if (!same) m.refuse(fmt::format("\"{}\" is another table than bitsandbytes' own", part));
}

/// The first of two codes is in the high bits.
void four_fill(const Module& m, const Rules&, std::int64_t, FieldWriter& w) {
  const State state = read_state(m);
  const StoredTensor &codes = m.at("weight"), &absmax = m.at("weight.absmax");
  require_table(m, "weight.quant_map", codebook_of(w.layout().format->name).values, 16);
  for (std::int64_t n = 0; n < w.rows(); ++n)
    for (std::int64_t k = 0; k < w.k(); ++k)
      w.code(n, k, codes.data[(n * w.k() + k) / 2] >> (k % 2 == 0 ? 4 : 0) & 15);
  for (std::int64_t i = 0; i < w.scales(); ++i) w.scale(i, scale_bits(absmax, i));
  if (!state.nested) return;
  require_table(m, "weight.nested_quant_map", dynamic8_table(), 256);
  const json::value* size = state.text.if_contains("nested_blocksize");
  const json::value* offset = state.text.if_contains("nested_offset");
  if (size == nullptr || *size != 256 || offset == nullptr || !offset->is_number())
    m.refuse("expected a nested_blocksize of 256 and a nested_offset");
  const StoredTensor& nested = m.at("weight.nested_absmax");
  for (std::int64_t i = 0; i < nested.elements(); ++i) w.table(i, float_at(nested, i));
  w.table(nested.elements(), static_cast<float>(offset->to_number<double>()));
}

bool is_eight(const Module& m, const Rules&) {
  return m.has("weight", "int8") && m.has("SCB", "fp32");
}

StoredForm eight_form(const Module& m, const Rules&) {
  const StoredTensor& codes = m.at("weight");
  if (codes.shape.size() != 2) m.refuse("\"weight\": expected a matrix");
  StoredForm form;
  form.rows = codes.shape[0];
  form.k = codes.shape[1];
  form.format = integer_storage(8, true, 0, form.k, "fp32");
  require_shape(m, "SCB", {form.rows});
  return form;
}

/// The largest magnitude of a row stands for the code 127.
void eight_fill(const Module& m, const Rules&, std::int64_t, FieldWriter& w) {
  const StoredTensor &codes = m.at("weight"), &largest = m.at("SCB");
  for (std::int64_t n = 0; n < w.rows(); ++n) {
    for (std::int64_t k = 0; k < w.k(); ++k) w.code(n, k, codes.data[n * w.k() + k]);
    w.real_scale(n, float_at(largest, n) / 127);
  }
}

}  // namespace
}  // namespace bitsandbytes

std::vector<CheckpointScheme> block_schemes() {
  using namespace bitsandbytes;
  return {
      {"bitsandbytes 4 bit",
       "weight",
       is_four,
       four_form,
       four_fill,
       {"weight.absmax", "weight.quant_map", kStates[0], kStates[1], "weight.nested_absmax",
        "weight.nested_quant_map"}},
      {"bitsandbytes int8", "weight", is_eight, eight_form, eight_fill, {"SCB", "weight_format"}},
  };
}

}  // namespace bitjoule
