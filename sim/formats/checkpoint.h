// A checkpoint: the directory of a config.json, whose weights lie in one or more .safetensors files
// and may be quantized by any scheme of checkpoint_schemes().
#pragma once

#include <boost/json.hpp>
#include <map>
#include <string>
#include <vector>

#include "sim/formats/checkpoint_files.h"
#include "sim/formats/checkpoint_schemes.h"

namespace bitjoule {

/// What `quantization_config` or MLX's `quantization` of a config.json says of the storage.
CheckpointRules checkpoint_rules(const boost::json::object& config);

class Checkpoint {
 public:
  struct Entry {
    StoredTensor tensor;  ///< "MODULE.weight" of a quantized module has no bytes here
    std::string file;     ///< its name within the directory; empty: made of several tensors
    const CheckpointScheme* scheme = nullptr;
    ModuleTensors module;
    StoredForm form;
    std::size_t place = 0;  ///< of its weight among the tensors of all files
  };

  /// Reads config.json and the headers of the files. Throws an input Error for damaged files, and
  /// for quantized modules that no scheme reads.
  explicit Checkpoint(const std::string& directory);
  /// Of files that have been opened before.
  Checkpoint(std::string directory, CheckpointRules rules, CheckpointFiles files);
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  const std::vector<Entry>& entries() const { return entries_; }
  const std::string& source() const { return source_; }  ///< the file, or the index of them
  const std::string& unread() const { return unread_; }  ///< "pytorch_model.bin"; empty: none

  /// A tensor with its values; "NAME[3]" is the third of its first axis, of experts, and other
  /// brackets are those of tensor_part(). It stays as long as the checkpoint. Throws an input Error
  /// where there is none.
  const StoredTensor& get(const std::string& name);

 private:
  void add_modules();
  StoredTensor packed(const Entry& entry, std::int64_t expert) const;

  std::string directory_, source_, unread_;
  CheckpointRules rules_;
  std::vector<StoredTensor> tensors_;
  std::map<std::string, std::string> files_;  ///< by tensor
  std::vector<Entry> entries_;
  std::map<std::string, StoredTensor> known_;  ///< with their values
};

}  // namespace bitjoule
