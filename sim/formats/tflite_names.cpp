// The names of TensorFlow Lite's builtin operators (schema.fbs: BuiltinOperator).
#include <fmt/format.h>

#include "sim/formats/tflite_model.h"

namespace bitjoule {

std::string tflite_operator_name(int code) {
  static constexpr struct {
    int code;
    const char* name;
  } kNames[] = {{0, "ADD"},
                {1, "AVERAGE_POOL_2D"},
                {2, "CONCATENATION"},
                {3, "CONV_2D"},
                {4, "DEPTHWISE_CONV_2D"},
                {5, "DEPTH_TO_SPACE"},
                {6, "DEQUANTIZE"},
                {9, "FULLY_CONNECTED"},
                {14, "LOGISTIC"},
                {17, "MAX_POOL_2D"},
                {18, "MUL"},
                {19, "RELU"},
                {20, "RELU_N1_TO_1"},
                {21, "RELU6"},
                {22, "RESHAPE"},
                {23, "RESIZE_BILINEAR"},
                {25, "SOFTMAX"},
                {26, "SPACE_TO_DEPTH"},
                {27, "SVDF"},
                {28, "TANH"},
                {34, "PAD"},
                {36, "GATHER"},
                {39, "TRANSPOSE"},
                {40, "MEAN"},
                {41, "SUB"},
                {42, "DIV"},
                {43, "SQUEEZE"},
                {44, "UNIDIRECTIONAL_SEQUENCE_LSTM"},
                {45, "STRIDED_SLICE"},
                {49, "SPLIT"},
                {53, "CAST"},
                {54, "PRELU"},
                {55, "MAXIMUM"},
                {56, "ARG_MAX"},
                {57, "MINIMUM"},
                {60, "PADV2"},
                {65, "SLICE"},
                {67, "TRANSPOSE_CONV"},
                {70, "EXPAND_DIMS"},
                {74, "SUM"},
                {76, "RSQRT"},
                {77, "SHAPE"},
                {82, "REDUCE_MAX"},
                {83, "PACK"},
                {88, "UNPACK"},
                {89, "REDUCE_MIN"},
                {97, "RESIZE_NEAREST_NEIGHBOR"},
                {98, "LEAKY_RELU"},
                {99, "SQUARED_DIFFERENCE"},
                {100, "MIRROR_PAD"},
                {102, "SPLIT_V"},
                {114, "QUANTIZE"},
                {117, "HARD_SWISH"},
                {126, "BATCH_MATMUL"},
                {129, "CALL_ONCE"},
                {142, "VAR_HANDLE"},
                {143, "READ_VARIABLE"},
                {144, "ASSIGN_VARIABLE"},
                {150, "GELU"}};
  for (const auto& row : kNames)
    if (row.code == code) return row.name;
  return fmt::format("BUILTIN {}", code);
}

}  // namespace bitjoule
