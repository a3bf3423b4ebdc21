// How checkpoints store quantized weights: one row per scheme, from the tensors of a module to the
// fields of a format of core/numeric. Sources: the projects that docs/networks.md names.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/numeric/storage.h"
#include "core/numeric/stored_tensor.h"

namespace bitjoule {

/// What config.json says of the storage of weights, as far as tensors do not tell it.
struct CheckpointRules {
  std::string method;            ///< "gptq", ..., "mlx"; empty: nothing is quantized
  std::int64_t bits = 4;         ///< GPTQ, AWQ, packed integers of compressed-tensors, MLX
  std::int64_t group_size = 0;   ///< inputs; 0 or less: a whole row
  bool symmetric = true;         ///< GPTQ and AWQ: no zero-points but the middle
  bool plain_zeros = false;      ///< GPTQ: zero-points as they are, not less one
  bool planar = false;           ///< GPTQ: planes of bits
  std::string version = "gemm";  ///< AWQ
  std::string mode = "affine";   ///< MLX
  std::map<std::string, std::int64_t> module_groups;  ///< MLX: of single modules
};

/// The tensors of one module by what follows its name: "qweight", "weight.absmax".
class ModuleTensors {
 public:
  std::string module;
  std::map<std::string, const StoredTensor*> parts;

  const StoredTensor* find(const std::string& part) const;
  /// Throws an input Error where it is missing.
  const StoredTensor& at(const std::string& part) const;
  bool has(const std::string& part, const char* type) const;
  [[noreturn]] void refuse(const std::string& what) const;
};

/// A weight's shape, `experts` x rows x k (0: no such axis), and the format that holds it.
struct StoredForm {
  TensorFormat format;
  std::int64_t experts = 0, rows = 0, k = 0;
};

/// The planar bytes of a tensor under construction.
class FieldWriter {
 public:
  FieldWriter(const TensorFormat& format, std::int64_t rows, std::int64_t k);
  FieldWriter(const PackedValues& values, std::int64_t rows, std::int64_t k);
  /// A row of another tensor of the format, with its scales and all that it shares with others.
  void copy_row(std::int64_t row, const FieldWriter& from, std::int64_t from_row);
  void code(std::int64_t row, std::int64_t k, std::uint32_t code);
  /// As stored; `index` as group_index() has it.
  void scale(std::int64_t index, std::uint32_t stored);
  /// Rounded to its storage.
  void real_scale(std::int64_t index, float value);
  void zero_point(std::int64_t index, std::int32_t zero);
  void offset(std::int64_t index, std::uint32_t stored);
  /// qoq4's scale of a row, as it is stored.
  void row_scale(std::int64_t row, std::uint32_t stored);
  /// 32-bit words of the last field: nf4_dq's scales of scales and mean, nvfp4's scale.
  void table(std::int64_t index, float value);
  std::vector<std::int32_t> groups;  ///< of each k, where they lie apart

  const StorageLayout& layout() const { return layout_; }
  std::int64_t rows() const { return rows_; }
  std::int64_t k() const { return k_; }
  std::int64_t scales() const;
  std::vector<std::uint8_t> take() { return std::move(bytes_); }

 private:
  std::int64_t group(std::int64_t row, std::int64_t index) const;
  void copy_bits(std::int64_t at, const FieldWriter& from, std::int64_t from_at, std::int64_t bits);

  StorageLayout layout_;
  std::int64_t rows_, k_, row_bits_, scales_at_, zeros_at_, mins_at_, tables_at_;
  std::vector<std::uint8_t> bytes_;
};

struct CheckpointScheme {
  const char* name;
  const char* weight;  ///< the part that holds the codes
  bool (*reads)(const ModuleTensors&, const CheckpointRules&);
  /// From headers alone, but for bitsandbytes' description of the tensor.
  StoredForm (*form)(const ModuleTensors&, const CheckpointRules&);
  void (*fill)(const ModuleTensors&, const CheckpointRules&, std::int64_t expert, FieldWriter&);
  std::vector<const char*> beside;  ///< the other parts
};

/// In the order in which a module is asked.
const std::vector<CheckpointScheme>& checkpoint_schemes();

// What the rows share.
std::uint32_t word32(const StoredTensor& tensor, std::int64_t index);
std::uint32_t word16(const StoredTensor& tensor, std::int64_t index);
float float_at(const StoredTensor& tensor, std::int64_t index);
/// The format name of scales: fp32, fp16 or bf16.
std::string scale_format(const ModuleTensors& module, const StoredTensor& scales);
/// The bits of a scale as they are stored.
std::uint32_t scale_bits(const StoredTensor& scales, std::int64_t index);
void require_shape(const ModuleTensors& module, const std::string& part,
                   const std::vector<std::int64_t>& shape);
void require_type(const ModuleTensors& module, const std::string& part, const char* type);
TensorFormat integer_storage(std::int64_t bits, bool is_signed, std::int64_t group, std::int64_t k,
                             const std::string& scale);

std::vector<CheckpointScheme> word_schemes();   // GPTQ, AWQ, packed integers, MLX
std::vector<CheckpointScheme> byte_schemes();   // FP8, int8, NVFP4, MX
std::vector<CheckpointScheme> block_schemes();  // bitsandbytes
std::vector<CheckpointScheme> tile_schemes();   // QServe

}  // namespace bitjoule
