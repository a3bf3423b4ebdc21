#include "sim/formats/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>
#include <set>

#include "core/error.h"
#include "core/numeric/format.h"
#include "core/numeric/tensor_values.h"
#include "run/layer_tensors.h"
#include "sim/config/suggest.h"
#include "sim/formats/blob.h"
#include "sim/formats/checkpoint_parts.h"

namespace bitjoule {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kMaxConfigBytes = 4 << 20;

json::object read_config(const std::string& path) {
  const Blob blob = map_file(path);
  if (blob.size() > kMaxConfigBytes)
    throw input_error(fmt::format("{}: {} bytes are too many", path, blob.size()));
  boost::system::error_code error;
  const json::value parsed =
      json::parse({reinterpret_cast<const char*>(blob.data()), blob.size()}, error);
  if (error || !parsed.is_object())
    throw input_error(fmt::format("{}: {}", path, error ? error.message() : "expected an object"));
  return parsed.get_object();
}

const json::object* object_at(const json::object& from, const char* key) {
  const json::value* value = from.if_contains(key);
  return value == nullptr ? nullptr : value->if_object();
}

std::int64_t integer_at(const json::object& from, std::initializer_list<const char*> keys,
                        std::int64_t otherwise) {
  for (const char* key : keys) {
    const json::value* value = from.if_contains(key);
    if (value != nullptr && value->is_int64()) return value->get_int64();
  }
  return otherwise;
}

bool flag_at(const json::object& from, const char* key, bool otherwise) {
  const json::value* value = from.if_contains(key);
  return value != nullptr && value->is_bool() ? value->get_bool() : otherwise;
}

/// In small letters.
std::string text_at(const json::object& from, const char* key, const char* otherwise) {
  const json::value* value = from.if_contains(key);
  std::string text =
      value != nullptr && value->is_string() ? value->get_string().c_str() : otherwise;
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

void set_gptq(const json::object& q, CheckpointRules& r) {
  r.bits = integer_at(q, {"bits", "wbits"}, 4);
  r.group_size = integer_at(q, {"group_size", "groupsize"}, 128);
  r.symmetric = flag_at(q, "sym", true);
  for (const char* key : {"checkpoint_format", "format"}) {
    const std::string form = text_at(q, key, "gptq");
    r.planar = r.planar || form == "gptq_p";
    r.plain_zeros = r.plain_zeros || form == "gptq_v2" || form == "gptq_p";
  }
}

void set_awq(const json::object& q, CheckpointRules& r) {
  r.bits = integer_at(q, {"bits", "w_bit"}, 4);
  r.group_size = integer_at(q, {"group_size", "q_group_size"}, 128);
  r.symmetric = !flag_at(q, "zero_point", true);
  r.version = text_at(q, "version", "gemm");
  if (text_at(q, "backend", "") == "llm-awq") r.version = "gemv_fast";
}

/// The one width and group of all groups of modules; those that differ cannot be told apart here.
void set_compressed(const json::object& q, CheckpointRules& r) {
  const json::object* groups = object_at(q, "config_groups");
  bool first = true;
  for (const auto& entry : groups == nullptr ? json::object{} : *groups) {
    const json::object* group = entry.value().if_object();
    const json::object* weights = group == nullptr ? nullptr : object_at(*group, "weights");
    if (weights == nullptr) continue;
    const std::int64_t bits = integer_at(*weights, {"num_bits"}, 8),
                       size = integer_at(*weights, {"group_size"}, 0);
    if (!first && (bits != r.bits || size != r.group_size)) r.bits = r.group_size = 0;
    if (first) r.bits = bits, r.group_size = size;
    first = false;
  }
}

void set_mlx(const json::object& q, CheckpointRules& r) {
  r.method = "mlx";
  r.bits = integer_at(q, {"bits"}, 4);
  r.group_size = integer_at(q, {"group_size"}, 64);
  r.mode = text_at(q, "mode", "affine");
  for (const auto& entry : q)
    if (const json::object* own = entry.value().if_object())
      r.module_groups[entry.key()] = integer_at(*own, {"group_size"}, r.group_size);
}

}  // namespace

CheckpointRules checkpoint_rules(const json::object& whole) {
  const json::object* text = object_at(whole, "text_config");
  const auto part = [&](const char* key) {
    const json::object* found = object_at(whole, key);
    return found != nullptr || text == nullptr ? found : object_at(*text, key);
  };
  CheckpointRules r;
  if (const json::object* mlx = part("quantization")) {
    set_mlx(*mlx, r);
    return r;
  }
  const json::object* q = part("quantization_config");
  if (q == nullptr) return r;
  const bool loads = q->contains("load_in_4bit") || q->contains("load_in_8bit");
  r.method = text_at(*q, "quant_method",
                     loads                  ? "bitsandbytes"
                     : q->contains("w_bit") ? "awq"
                                            : "");
  if (r.method == "gptq" || r.method == "auto-round") set_gptq(*q, r);
  if (r.method == "auto-round" &&
      text_at(*q, "packing_format", "auto_round") != "auto_round:auto_gptq")
    r.plain_zeros = true;
  if (r.method == "awq") set_awq(*q, r);
  if (r.method == "compressed-tensors") set_compressed(*q, r);
  if (const json::value* block = q->if_contains("weight_block_size");
      block != nullptr && block->is_array() && !block->get_array().empty() &&
      block->get_array()[0].is_int64())
    r.group_size = block->get_array()[0].get_int64();
  return r;
}

namespace {

/// What follows a module's name, of all schemes; the longest first, so that "weight.absmax" is not
/// taken for another's.
const std::vector<std::string>& part_names() {
  static const std::vector<std::string> kNames = [] {
    std::set<std::string> names;
    for (const CheckpointScheme& scheme : checkpoint_schemes()) {
      names.insert(scheme.weight);
      names.insert(scheme.beside.begin(), scheme.beside.end());
    }
    std::vector<std::string> sorted(names.begin(), names.end());
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.size() > b.size(); });
    return sorted;
  }();
  return kNames;
}

/// "model.layers.0.q_proj" and "qweight"; the tensors of gpt-oss' experts end in "_blocks".
bool split(const std::string& name, std::string& module, std::string& part) {
  for (const std::string& candidate : part_names()) {
    if (name.size() <= candidate.size() + 1) continue;
    const std::size_t at = name.size() - candidate.size();
    if (name.compare(at, std::string::npos, candidate) != 0) continue;
    const bool joined = name[at - 1] == '_' && (candidate == "blocks" || candidate == "scales");
    if (name[at - 1] != '.' && !joined) continue;
    module = name.substr(0, at - 1);
    part = candidate;
    return true;
  }
  return false;
}

std::string scheme_names() {
  std::vector<std::string> names;
  for (const CheckpointScheme& scheme : checkpoint_schemes())
    if (std::find(names.begin(), names.end(), scheme.name) == names.end())
      names.emplace_back(scheme.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

std::vector<std::int64_t> shape_of(const StoredForm& form) {
  std::vector<std::int64_t> shape = {form.rows, form.k};
  if (form.experts > 0) shape.insert(shape.begin(), form.experts);
  return shape;
}

}  // namespace

namespace {

CheckpointRules rules_of(const std::string& directory) {
  const fs::path config = fs::path(directory) / "config.json";
  std::error_code error;
  return fs::is_regular_file(config, error) ? checkpoint_rules(read_config(config.string()))
                                            : CheckpointRules();
}

}  // namespace

Checkpoint::Checkpoint(const std::string& directory)
    : Checkpoint(directory, rules_of(directory), find_weights(directory)) {}

Checkpoint::Checkpoint(std::string directory, CheckpointRules rules, CheckpointFiles files)
    : directory_(std::move(directory)),
      source_(std::move(files.source)),
      unread_(std::move(files.unread)),
      rules_(std::move(rules)) {
  for (CheckpointFiles::Entry& entry : files.tensors) {
    files_[entry.tensor.name] = entry.file;
    tensors_.push_back(std::move(entry.tensor));
  }
  add_modules();
}

void Checkpoint::add_modules() {
  std::map<std::string, ModuleTensors> modules;
  const auto plain = [&](const StoredTensor& tensor) {
    Entry entry;
    entry.tensor = tensor;
    entry.file = files_.at(tensor.name);
    entry.place = static_cast<std::size_t>(&tensor - tensors_.data());
    entries_.push_back(std::move(entry));
  };
  for (const StoredTensor& tensor : tensors_) {
    std::string name, part;
    if (!split(tensor.name, name, part)) {
      plain(tensor);
      continue;
    }
    ModuleTensors& module = modules[name];
    module.module = name;
    // So that no product of two extents is too large.
    for (const std::int64_t extent : tensor.shape)
      if (extent > std::numeric_limits<std::int32_t>::max())
        module.refuse(fmt::format("\"{}\": an extent of {}", tensor.name, extent));
    module.parts[part] = &tensor;
  }
  for (auto& row : modules) {
    const std::string& name = row.first;
    ModuleTensors& module = row.second;
    const auto& schemes = checkpoint_schemes();
    const auto scheme =
        std::find_if(schemes.begin(), schemes.end(), [&](const CheckpointScheme& s) {
          return module.find(s.weight) != nullptr && s.reads(module, rules_);
        });
    if (scheme == schemes.end()) {
      const StoredTensor* weight = module.find("weight");
      if (weight == nullptr || module.parts.size() > 1) {
        std::vector<std::string> parts;
        for (const auto& [part, tensor] : module.parts)
          parts.push_back(fmt::format("{} of {}", part, tensor->type->format));
        module.refuse(fmt::format(
            "nothing reads its tensors ({}){}; what is read: {}", fmt::join(parts, ", "),
            rules_.method.empty() ? "" : " as " + rules_.method + " stores them", scheme_names()));
      }
      plain(*weight);
      continue;
    }
    Entry entry;
    entry.scheme = &*scheme;
    entry.module = module;
    entry.place = static_cast<std::size_t>(module.find(scheme->weight) - tensors_.data());
    entry.form = scheme->form(module, rules_);
    if (entry.form.rows < 1 || entry.form.k < 1) module.refuse("a weight without elements");
    const Format& format = find_format(entry.form.format.format);
    auto values = std::make_shared<PackedValues>();
    values->type = {format.name.c_str(), 1, 0, nullptr, nullptr, -1, -1};
    values->format = entry.form.format;
    entry.tensor.name = name + ".weight";
    entry.tensor.shape = shape_of(entry.form);
    entry.tensor.blob = module.parts.begin()->second->blob;
    entry.tensor.type = &values->type;
    entry.tensor.packed = std::move(values);
    tensor_bytes(storage_layout(entry.form.format), entry.form.rows, entry.form.k);
    entries_.push_back(std::move(entry));
  }
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry& x, const Entry& y) { return x.place < y.place; });
}

StoredTensor Checkpoint::packed(const Entry& entry, std::int64_t expert) const {
  FieldWriter writer(entry.form.format, entry.form.rows, entry.form.k);
  entry.scheme->fill(entry.module, rules_, expert, writer);
  auto values = std::make_shared<PackedValues>(*entry.tensor.packed);
  values->groups = writer.groups;
  values->bytes = writer.take();
  StoredTensor tensor = entry.tensor;
  tensor.shape = {entry.form.rows, entry.form.k};
  tensor.type = &values->type;
  tensor.packed = std::move(values);
  return tensor;
}

const StoredTensor& Checkpoint::get(const std::string& name) {
  if (const auto found = known_.find(name); found != known_.end()) return found->second;
  if (const auto part = tensor_part(name))
    return known_.emplace(name, part_of(directory_, name, *part, get(part->whole))).first->second;
  std::string base = name;
  std::int64_t expert = 0;
  const std::size_t open = name.rfind('[');
  const bool indexed = open != std::string::npos && name.back() == ']';
  if (indexed) {
    base = name.substr(0, open);
    const char* end = name.data() + name.size() - 1;
    if (std::from_chars(name.data() + open + 1, end, expert).ptr != end || expert < 0)
      throw input_error(fmt::format("{}: no tensor \"{}\"", directory_, name));
  }
  const auto entry = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& e) { return e.tensor.name == base; });
  if (entry == entries_.end()) {
    std::vector<std::string> names;
    for (const Entry& e : entries_) names.push_back(e.tensor.name);
    throw input_error(
        fmt::format("{}: no tensor \"{}\"{}", directory_, base, suggestion(base, names)));
  }
  if (entry->scheme == nullptr) {
    if (!indexed) return entry->tensor;
    return known_.emplace(name, *first_axis_slice(entry->tensor, expert)).first->second;
  }
  if (indexed ? expert >= entry->form.experts : entry->form.experts > 0) {
    throw input_error(fmt::format("{}: tensor \"{}\" holds {} experts; name one, as \"{}[0]\"",
                                  directory_, base, entry->form.experts, base));
  }
  return known_.emplace(name, packed(*entry, expert)).first->second;
}

}  // namespace bitjoule
