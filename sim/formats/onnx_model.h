// ONNX models and tensors (protobuf), through Debian's libonnx.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>

#include "core/numeric/stored_tensor.h"

namespace bitjoule {

/// TensorProto.DataType of later versions of ONNX than the library's. Codes of 4 bits are read as
/// int8 and uint8, floats of 8 and 4 bits as fp32.
constexpr int kOnnxFloat8E4m3 = 17, kOnnxFloat8E5m2 = 19;
constexpr int kOnnxUint4 = 21, kOnnxInt4 = 22, kOnnxFloat4 = 23, kOnnxScale8 = 24;

/// Its functions inlined and its nodes in order (onnx_flatten.h). Throws an input Error for
/// anything that is no ONNX model with a graph.
onnx::ModelProto parse_onnx_model(const Blob& blob);

/// A tensor's data, also where it lies in a file of its own beside the model. Throws an input Error
/// that names the tensor for types, sizes or places that do not fit.
StoredTensor to_stored(const onnx::TensorProto& tensor, const std::string& model_file);

/// A lone TensorProto (.pb), as ONNX's test data are.
StoredTensor parse_onnx_tensor(const Blob& blob);
onnx::TensorProto parse_onnx_tensor_proto(const Blob& blob);

/// Version of ONNX's own operators; 0 where the model names none.
int onnx_opset(const onnx::ModelProto& model);

/// Throws an input Error where a tensor's sizes are none, or its raw data have another size.
void check_stored_size(const onnx::TensorProto& tensor, const std::string& model_file);

/// The same with its zeros; at most 2^24 elements. Throws an input Error for indices out of range.
onnx::TensorProto dense_tensor(const onnx::SparseTensorProto& sparse,
                               const std::string& model_file);

}  // namespace bitjoule
