#include "run/tensor_reader.h"

#include <fmt/format.h>

#include "core/error.h"

namespace bitjoule {

const StoredTensor& TensorReader::get(const std::string& file, const std::string& name) {
  throw input_error(fmt::format("{}: no tensor \"{}\": nothing reads files here", file, name));
}

}  // namespace bitjoule
