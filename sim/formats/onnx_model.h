// ONNX models and tensors (protobuf), through Debian's libonnx.
#pragma once

#include <onnx/onnx_pb.h>

#include <map>
#include <string>

#include "core/numeric/stored_tensor.h"

namespace bitjoule {

/// Throws an input Error for anything that is no ONNX model with a graph.
onnx::ModelProto parse_onnx_model(const Blob& blob);

/// A tensor's data, also where it lies in a file of its own beside the model. Throws an input Error
/// that names the tensor for types, sizes or places that do not fit.
StoredTensor to_stored(const onnx::TensorProto& tensor, const std::string& model_file);

/// A lone TensorProto (.pb), as ONNX's test data are.
StoredTensor parse_onnx_tensor(const Blob& blob);
onnx::TensorProto parse_onnx_tensor_proto(const Blob& blob);

/// All constants of a graph by name: initializers and Constant nodes with a tensor value.
std::map<std::string, const onnx::TensorProto*> onnx_constants(const onnx::GraphProto& graph);

}  // namespace bitjoule
