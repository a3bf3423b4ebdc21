// What a graph says in other words than one list of nodes in order: functions of the model itself,
// branches, nodes that stand before what they read.
#pragma once

#include <onnx/onnx_pb.h>

#include <map>
#include <string>

namespace bitjoule {

/// Names of values that have others in another graph.
using OnnxNames = std::map<std::string, std::string>;

/// The node with its operands and results renamed, in the graphs of its attributes as well; what
/// `names` lacks stays.
onnx::NodeProto renamed_onnx(const onnx::NodeProto& node, const OnnxNames& names);

/// Nodes in the place of calls of the model's own functions, and every node behind those that it
/// reads; in the order of the file where that does. Throws an input Error for functions that call
/// themselves or make more than 2^20 nodes. Cycles stay where they are.
void flatten_onnx(onnx::ModelProto& model, const std::string& file);

}  // namespace bitjoule
