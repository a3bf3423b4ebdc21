#include <fmt/format.h>

#include <cmath>

#include "core/error.h"
#include "core/numeric/format.h"
#include "core/numeric/quality.h"
#include "core/numeric/tensor_values.h"
#include "sim/commands/command.h"
#include "sim/config/reader.h"
#include "sim/config/writer.h"
#include "sim/formats/npy.h"
#include "sim/formats/tensor_file.h"
#include "sim/output/output_files.h"
#include "sim/output/terminal.h"
#include "sim/result/result_json.h"
#include "sim/schema/describe_layer.h"
#include "sim/version.h"

namespace bitjoule {
namespace {

struct QuantizeOptions {
  std::string file, tensor, granularity = "per_channel", scale = "fp32", zero_point = "packed";
  std::vector<std::string> formats;
  std::int64_t group = 0;
  bool asymmetric = false;
  std::string json, decoded;
};

/// What one format makes of the tensor.
struct Measured {
  TensorFormat format;
  std::int64_t bytes = 0;
  double bits = 0;  ///< stored per element
  Quality quality;
  std::string refusal;  ///< why the tensor cannot be stored so; else empty
  std::vector<float> values;
};

/// The choices by the same names, rules and messages as in a run file.
TensorFormat chosen(const QuantizeOptions& o, const std::string& name) {
  const std::string granularity = o.group > 0 ? "per_group" : o.granularity;
  const std::string text = fmt::format(
      "{{format: {}, granularity: {}, group_size: {}, symmetric: {}, scale: {}, zero_point: {}}}",
      name, granularity, o.group > 0 ? o.group : TensorFormat{}.group_size,
      o.asymmetric ? "false" : "true", o.scale, o.zero_point);
  return read_document<TensorFormat>(text_source("quantize " + name, text));
}

std::vector<std::string> format_names(const QuantizeOptions& o) {
  if (o.formats != std::vector<std::string>{"all"}) return o.formats;
  std::vector<std::string> names;
  for (const Format& format : formats())
    if (format.has_values) names.push_back(format.name);
  return names;
}

Measured measure(const TensorFormat& format, const std::vector<float>& x, std::int64_t rows,
                 std::int64_t k) {
  Measured m;
  m.format = format;
  const QuantizedTensor stored = QuantizedTensor::quantize(format, x.data(), rows, k);
  m.bytes = static_cast<std::int64_t>(stored.bytes().size());
  m.bits = effective_bits_per_weight(stored.layout(), rows, k);
  m.values.resize(x.size());
  stored.decode(m.values.data());
  QualityMeter meter;
  meter.add(x.data(), m.values.data(), static_cast<std::int64_t>(x.size()));
  m.quality = meter.result();
  return m;
}

std::string sqnr_text(const Quality& q) {
  if (std::isnan(q.sqnr_db)) return "none";  // nothing finite
  return std::isfinite(q.sqnr_db) ? fmt::format("{:.2f}", q.sqnr_db) : "exact";
}

std::string table(const std::vector<Measured>& all) {
  std::string out = fmt::format("{:<12} {:>9} {:>14} {:>9} {:>11} {:>11} {:>11}\n", "format",
                                "bits", "bytes", "SQNR dB", "max error", "mean error", "cosine");
  for (const Measured& m : all)
    out += m.refusal.empty()
               ? fmt::format("{:<12} {:>9.4f} {:>14} {:>9} {:>11.4g} {:>11.4g} {:>11.8f}\n",
                             m.format.format, m.bits, m.bytes, sqnr_text(m.quality),
                             m.quality.max_abs, m.quality.mean_abs, m.quality.cosine)
               : fmt::format("{:<12} not possible: {}\n", m.format.format, m.refusal);
  return out;
}

boost::json::value json_of(const Measured& m) {
  if (!m.refusal.empty()) return {{"format", to_json(m.format)}, {"refused", m.refusal}};
  return {{"format", to_json(m.format)},
          {"bytes", m.bytes},
          {"bits_per_element", m.bits},
          {"error", error_json(m.quality)}};
}

int quantize_file(const QuantizeOptions& o) {
  require_writable_file(o.decoded);
  require_writable_file(o.json);
  const StoredTensor tensor = load_tensor(o.file, o.tensor);
  const std::vector<float> x = tensor_values(tensor);
  if (x.empty()) throw input_error(o.file + ": the tensor has no elements");
  const std::int64_t k = tensor.shape.empty() ? 1 : tensor.shape.back();
  const std::int64_t rows = tensor.elements() / k;
  const std::vector<std::string> names = format_names(o);
  std::vector<Measured> all;
  for (const std::string& name : names) {
    const TensorFormat format = chosen(o, name);
    try {
      require_representable(o.file, format.format, x);
      all.push_back(measure(format, x, rows, k));
    } catch (const Error& e) {
      // A table of many formats goes on without those that do not fit the shape.
      if (e.kind() != ErrorKind::kInput || names.size() == 1) throw;
      all.push_back({format, 0, 0, {}, e.what(), {}});
    }
  }
  if (!o.decoded.empty() && all.size() > 1)
    throw input_error("--decoded: expected a single --format");
  OutputFiles files;
  if (!o.decoded.empty())
    files.add(o.decoded,
              npy_bytes(*find_stored_type("fp32"), tensor.shape, all.front().values.data()));
  boost::json::array results;
  for (const Measured& m : all) results.push_back(json_of(m));
  if (!o.json.empty())
    files.add(o.json,
              json_text({{"schema_version", 1},
                         {"program", program_json()},
                         {"file", o.file},
                         {"tensor", tensor.name},
                         {"shape", boost::json::array(tensor.shape.begin(), tensor.shape.end())},
                         {"stored", tensor.type->format},
                         {"formats", results}}));
  take_places(files);
  print_summary(fmt::format("{}{}{}: {} ({}), a scale is shared along rows of {}\n", o.file,
                            tensor.name.empty() ? "" : " ", tensor.name, shape_text(tensor.shape),
                            tensor.type->format, k) +
                table(all));
  return 0;
}

}  // namespace

CommandAction add_quantize_command(CLI::App& app) {
  auto o = std::make_shared<QuantizeOptions>();
  app.add_option("file", o->file, ".npy, .safetensors, .gguf, .onnx or .tflite")
      ->required()
      ->type_name("FILE");
  app.add_option("--tensor", o->tensor, "its name, where the file has several");
  app.add_option("--format", o->formats, "formats of `sim list formats`, or all")
      ->required()
      ->delimiter(',')
      ->take_all();
  app.add_option("--granularity", o->granularity,
                 "which elements share a scale, see `sim list granularities`")
      ->capture_default_str();
  app.add_option("--group", o->group, "elements per scale; means per_group")
      ->check(CLI::PositiveNumber);
  app.add_flag("--asymmetric", o->asymmetric, "a zero-point beside each scale");
  app.add_option("--scale", o->scale, "storage of the scales")
      ->type_name("fp32|fp16|bf16|e8m0")
      ->capture_default_str();
  app.add_option("--zero-point", o->zero_point, "storage of zero-points")->capture_default_str();
  app.add_option("-o,--output", o->json, "write the figures as JSON")->type_name("FILE");
  app.add_option("--decoded", o->decoded, "write the decoded values as .npy")->type_name("FILE");
  return [o] { return quantize_file(*o); };
}

}  // namespace bitjoule
