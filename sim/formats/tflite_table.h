// Tables of a flatbuffer by slot: every access is checked by the library's verifier before anything
// is read. A schema compiler's classes would check all tables at once, and be a header of a
// megabyte.
#pragma once

#include <flatbuffers/string.h>
#include <flatbuffers/table.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/blob.h"

namespace bitjoule {

/// Numbers in the file, which lie there as long as its blob lives.
template <class T>
struct TfliteNumbers {
  const std::uint8_t* data = nullptr;
  std::size_t count = 0;

  T operator[](std::size_t i) const {
    T value;
    std::memcpy(&value, data + i * sizeof(T), sizeof(T));
    return value;
  }
  std::vector<T> all() const {
    std::vector<T> values(count);
    if (count > 0) std::memcpy(values.data(), data, count * sizeof(T));
    return values;
  }
};

class TfliteTable {
 public:
  /// The root table. Throws an input Error for anything but a flatbuffer with that identifier.
  static TfliteTable root(const Blob& blob, const char* identifier);

  /// Fields by the number of their slot. All throw an input Error where the file is damaged.
  template <class T>
  T scalar(int slot, T otherwise) const {
    if (!table_->VerifyField<T>(file_->verifier, place(slot), sizeof(T))) damaged();
    return table_->GetField<T>(place(slot), otherwise);
  }
  template <class T>
  TfliteNumbers<T> numbers(int slot) const {
    const auto* vector = checked_vector<T>(slot);
    if (vector == nullptr) return {};
    return {reinterpret_cast<const std::uint8_t*>(vector) + sizeof(flatbuffers::uoffset_t),
            vector->size()};
  }
  /// Empty where there is none.
  std::string text(int slot) const;
  std::optional<TfliteTable> table(int slot) const;
  std::vector<TfliteTable> tables(int slot) const;

 private:
  struct File {
    File(const Blob& blob, const flatbuffers::Verifier::Options& options)
        : name(blob.name()), verifier(blob.data(), blob.size(), options), budget(0) {}
    std::string name;
    flatbuffers::Verifier verifier;
    std::uint64_t budget;  ///< bytes that may still be copied: parts may lie in one another
  };

  TfliteTable(std::shared_ptr<File> file, const flatbuffers::Table* table);
  static flatbuffers::voffset_t place(int slot) {
    return static_cast<flatbuffers::voffset_t>(4 + 2 * slot);
  }
  template <class T>
  const flatbuffers::Vector<T>* checked_vector(int slot) const {
    if (!table_->VerifyOffset(file_->verifier, place(slot))) damaged();
    const auto* vector = table_->GetPointer<const flatbuffers::Vector<T>*>(place(slot));
    if (!file_->verifier.VerifyVector(vector)) damaged();
    return vector;
  }
  void spend(std::uint64_t bytes) const;
  [[noreturn]] void damaged() const;

  std::shared_ptr<File> file_;
  const flatbuffers::Table* table_;
};

}  // namespace bitjoule
