#include "sim/formats/tflite_table.h"

#include <fmt/format.h>

#include "core/error.h"

namespace bitjoule {

TfliteTable TfliteTable::root(const Blob& blob, const char* identifier) {
  if (blob.size() < 8 || std::memcmp(blob.data() + 4, identifier, 4) != 0)
    throw input_error(fmt::format("{}: no TensorFlow Lite model: its bytes 4 to 7 are not {}",
                                  blob.name(), identifier));
  if (blob.size() >= FLATBUFFERS_MAX_BUFFER_SIZE)
    throw input_error(
        fmt::format("{}: {} bytes are more than a flatbuffer has", blob.name(), blob.size()));
  flatbuffers::Verifier::Options options;
  options.max_tables = 10'000'000;
  const auto file = std::make_shared<File>(blob, options);
  file->budget = 16 * blob.size() + (std::uint64_t{1} << 20);
  const flatbuffers::uoffset_t at = file->verifier.VerifyOffset(0);
  if (at == 0) throw input_error(fmt::format("{}: the flatbuffer is damaged", blob.name()));
  return {file, reinterpret_cast<const flatbuffers::Table*>(blob.data() + at)};
}

TfliteTable::TfliteTable(std::shared_ptr<File> file, const flatbuffers::Table* table)
    : file_(std::move(file)), table_(table) {
  if (!table_->VerifyTableStart(file_->verifier)) damaged();
  file_->verifier.EndTable();
}

std::string TfliteTable::text(int slot) const {
  if (!table_->VerifyOffset(file_->verifier, place(slot))) damaged();
  const auto* text = table_->GetPointer<const flatbuffers::String*>(place(slot));
  if (!file_->verifier.VerifyString(text)) damaged();
  if (text == nullptr) return "";
  spend(text->size());
  return text->str();
}

std::optional<TfliteTable> TfliteTable::table(int slot) const {
  if (!table_->VerifyOffset(file_->verifier, place(slot))) damaged();
  const auto* table = table_->GetPointer<const flatbuffers::Table*>(place(slot));
  if (table == nullptr) return {};
  return TfliteTable(file_, table);
}

std::vector<TfliteTable> TfliteTable::tables(int slot) const {
  const auto* offsets = checked_vector<flatbuffers::uoffset_t>(slot);
  std::vector<TfliteTable> tables;
  if (offsets == nullptr) return tables;
  spend(offsets->size() * sizeof(TfliteTable));
  tables.reserve(offsets->size());
  for (flatbuffers::uoffset_t i = 0; i < offsets->size(); ++i) {
    const auto* from =
        reinterpret_cast<const std::uint8_t*>(offsets) + sizeof(flatbuffers::uoffset_t) * (i + 1);
    const flatbuffers::uoffset_t to = file_->verifier.VerifyOffset(from, 0);
    if (to == 0) damaged();
    tables.push_back({file_, reinterpret_cast<const flatbuffers::Table*>(from + to)});
  }
  return tables;
}

void TfliteTable::spend(std::uint64_t bytes) const {
  if (bytes > file_->budget) damaged();
  file_->budget -= bytes;
}

void TfliteTable::damaged() const {
  throw input_error(fmt::format("{}: the flatbuffer is damaged", file_->name));
}

}  // namespace bitjoule
