#include "python/src/formats.h"

#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "core/numeric/format.h"
#include "core/numeric/quality.h"
#include "core/numeric/quantized_tensor.h"
#include "core/numeric/tensor_values.h"
#include "python/src/arrays.h"
#include "python/src/interpreter.h"
#include "python/src/values.h"
#include "sim/config/reader.h"
#include "sim/config/writer.h"
#include "sim/result/result_json.h"
#include "sim/schema/describe_layer.h"

namespace bitjoule::python {
namespace {

using Floats = py::array_t<float, py::array::c_style>;
using Bytes = py::array_t<std::uint8_t, py::array::c_style>;

/// The same names, rules and messages as in a run file.
TensorFormat format_of(const Given& format) {
  return read_document<TensorFormat>(source_of(format), {});
}

struct Shape {
  std::vector<std::int64_t> all;
  std::int64_t rows = 1, k = 1;
};

/// Rows are what the last dimension does not count.
Shape shape_of(std::vector<std::int64_t> all) {
  Shape shape{std::move(all)};
  if (!shape.all.empty()) shape.k = shape.all.back();
  for (std::size_t i = 0; i + 1 < shape.all.size(); ++i) shape.rows *= shape.all[i];
  return shape;
}

QuantizedTensor stored(const TensorFormat& format, const float* x, const Shape& shape) {
  require_representable("array", format.format, {x, x + shape.rows * shape.k});
  return QuantizedTensor::quantize(format, x, shape.rows, shape.k);
}

py::array bytes_of(const QuantizedTensor& tensor) {
  return to_array(tensor.bytes(), {static_cast<std::int64_t>(tensor.bytes().size())});
}

py::array encode(const Floats& array, const Given& given) {
  const Shape shape = shape_of({array.shape(), array.shape() + array.ndim()});
  const QuantizedTensor tensor =
      without_interpreter([&] { return stored(format_of(given), array.data(), shape); });
  return bytes_of(tensor);
}

py::array decode(const Bytes& bytes, const std::vector<std::int64_t>& dims, const Given& given) {
  const Shape shape = shape_of(dims);
  std::vector<float> values = without_interpreter([&] {
    const QuantizedTensor tensor = QuantizedTensor::from_stored(
        format_of(given), {bytes.data(), bytes.data() + bytes.size()}, shape.rows, shape.k);
    std::vector<float> decoded(static_cast<std::size_t>(shape.rows * shape.k));
    tensor.decode(decoded.data());
    return decoded;
  });
  return to_array(std::move(values), shape.all);
}

/// (bytes, values, format, bits per element, error)
py::tuple quantize(const Floats& array, const Given& given) {
  const Shape shape = shape_of({array.shape(), array.shape() + array.ndim()});
  struct {
    std::optional<QuantizedTensor> tensor;
    std::vector<float> values;
    Quality quality;
  } made;
  without_interpreter([&] {
    made.tensor = stored(format_of(given), array.data(), shape);
    made.values.resize(static_cast<std::size_t>(array.size()));
    made.tensor->decode(made.values.data());
    QualityMeter meter;
    meter.add(array.data(), made.values.data(), array.size());
    made.quality = meter.result();
  });
  return py::make_tuple(bytes_of(*made.tensor), to_array(std::move(made.values), shape.all),
                        to_python(to_json(made.tensor->format())),
                        effective_bits_per_weight(made.tensor->layout(), shape.rows, shape.k),
                        to_python(error_json(made.quality)));
}

py::list all_formats() {
  py::list rows;
  for (const Format& format : formats())
    rows.append(py::make_tuple(format.name, format.bits, format.summary, format.has_values));
  return rows;
}

}  // namespace

void bind_formats(py::module_& module) {
  module.def("encode", &encode);
  module.def("decode", &decode);
  module.def("quantize", &quantize);
  module.def("formats", &all_formats);
}

}  // namespace bitjoule::python
