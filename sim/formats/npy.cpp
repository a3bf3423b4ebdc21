#include "sim/formats/npy.h"

#include <fmt/format.h>

#include <cctype>
#include <cstring>
#include <fstream>
#include <optional>

#include "core/error.h"
#include "sim/formats/blob.h"

namespace bitjoule {
namespace {

constexpr char kMagic[] = "\x93NUMPY";
constexpr std::size_t kMagicBytes = 6;
constexpr std::size_t kAlignment = 64;  // of the data, as numpy writes it
constexpr std::uint64_t kMaxNpyHeader = 1 << 16;
constexpr std::size_t kNumpyDimensions = 32;  // as numpy's own limit

/// The header's Python dictionary: exactly the keys descr, fortran_order and shape.
class HeaderParser {
 public:
  HeaderParser(const std::string& text, const ByteCursor& cursor) : text_(text), cursor_(cursor) {}

  std::string descr;
  std::optional<bool> fortran_order;
  std::optional<std::vector<std::int64_t>> shape;

  void parse() {
    expect('{');
    while (!accept('}')) {
      parse_entry();
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (at_ != text_.size()) fail("text behind the dictionary");
    if (descr.empty() || !fortran_order || !shape)
      fail("expected the keys descr, fortran_order and shape");
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    cursor_.fail(fmt::format("header, character {}: {}", at_, what));
  }
  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool accept(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(fmt::format("expected '{}'", c));
  }

  void parse_entry() {
    const std::string key = parse_string();
    expect(':');
    if (key == "descr" && descr.empty())
      descr = parse_string();
    else if (key == "fortran_order" && !fortran_order)
      fortran_order = parse_bool();
    else if (key == "shape" && !shape)
      shape = parse_shape();
    else
      fail(fmt::format("unexpected key \"{}\"", key));
  }

  std::string parse_string() {
    skip_space();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"') fail("expected a string (structured types are not read)");
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string::npos) fail("a string does not end");
    std::string value = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return value;
  }

  bool parse_bool() {
    skip_space();
    for (const bool value : {true, false}) {
      const std::string word = value ? "True" : "False";
      if (text_.compare(at_, word.size(), word) == 0) return at_ += word.size(), value;
    }
    fail("expected True or False");
  }

  std::vector<std::int64_t> parse_shape() {
    std::vector<std::int64_t> sizes;
    expect('(');
    while (!accept(')')) {
      if (sizes.size() == kNumpyDimensions) fail("more than 32 dimensions");
      sizes.push_back(parse_size());
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return sizes;
  }

  std::int64_t parse_size() {
    skip_space();
    std::int64_t value = 0;
    const std::size_t start = at_;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      value = value * 10 + (text_[at_] - '0');
      if (value > kMaxTensorElements) fail("a dimension is too large");
    }
    if (at_ == start) fail("expected a size");
    return value;
  }

  const std::string& text_;
  const ByteCursor& cursor_;
  std::size_t at_ = 0;
};

const StoredType& type_of(const std::string& descr, const ByteCursor& cursor) {
  const char order = descr.front();
  const StoredType* type = find_npy_type(descr.substr(1));
  const bool single_byte = type != nullptr && type->block_bytes == 1;
  if (type == nullptr || (order != '<' && !(order == '|' && single_byte)))
    cursor.fail(fmt::format(
        "descr: expected a little-endian integer, bool or float such as \"<f4\", got \"{}\"",
        descr));
  return *type;
}

}  // namespace

StoredTensor parse_npy(const Blob& blob) {
  ByteCursor cursor(blob);
  if (std::memcmp(cursor.take(kMagicBytes, "the magic"), kMagic, kMagicBytes) != 0)
    cursor.fail("no .npy file: the magic is missing");
  const auto major = cursor.read<std::uint8_t>("the version");
  const auto minor = cursor.read<std::uint8_t>("the version");
  if (major < 1 || major > 3 || minor != 0)
    cursor.fail(fmt::format("version: expected 1.0, 2.0 or 3.0, got {}.{}", major, minor));
  const std::uint64_t length =
      major == 1 ? cursor.read<std::uint16_t>("the header's length")
                 : std::uint64_t{cursor.read<std::uint32_t>("the header's length")};
  if (length > kMaxNpyHeader) cursor.fail(fmt::format("header of {} bytes is too long", length));
  const std::uint8_t* start = cursor.take(length, "the header");
  const std::string text(start, start + length);

  HeaderParser header(text, cursor);
  header.parse();
  StoredTensor tensor;
  tensor.type = &type_of(header.descr, cursor);
  tensor.shape = *header.shape;
  std::size_t long_dimensions = 0;  // an array with one of them lies the same in both orders
  for (std::int64_t size : tensor.shape) long_dimensions += size != 1;
  if (*header.fortran_order && long_dimensions > 1)
    cursor.fail("Fortran order is not read; save numpy.ascontiguousarray(x)");
  tensor.bytes = stored_bytes(*tensor.type, tensor.shape, blob.name() + ": shape");
  if (cursor.remaining() != tensor.bytes)
    cursor.fail(fmt::format("the shape needs {} bytes of data, the file has {}", tensor.bytes,
                            cursor.remaining()));
  tensor.data = cursor.take(tensor.bytes, "the data");
  tensor.blob = blob;
  return tensor;
}

std::string npy_bytes(const StoredType& type, const std::vector<std::int64_t>& shape,
                      const void* data) {
  if (type.npy == nullptr)
    throw input_error(fmt::format("{}: .npy has no such element type", type.format));
  std::string sizes;
  for (std::int64_t size : shape) sizes += fmt::format("{},", size);
  if (shape.size() > 1) sizes.pop_back();  // (3,) but (3,4)
  std::string header = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}",
                                   type.block_bytes == 1 ? '|' : '<', type.npy, sizes);
  const std::size_t fixed = kMagicBytes + 4;
  header.append(kAlignment - (fixed + header.size() + 1) % kAlignment, ' ');
  header += '\n';
  std::string bytes(kMagic, kMagicBytes);
  bytes +=
      {'\1', '\0', static_cast<char>(header.size() & 255), static_cast<char>(header.size() >> 8)};
  bytes += header;
  const std::uint64_t size = stored_bytes(type, shape, "npy");
  if (size != 0) bytes.append(static_cast<const char*>(data), size);
  return bytes;
}

void write_npy(const std::string& path, const std::vector<std::int64_t>& shape,
               const std::vector<float>& values) {
  const StoredType& type = *find_stored_type("fp32");
  if (stored_bytes(type, shape, path) != values.size() * sizeof(float))
    throw internal_error(path + ": the shape does not match the number of values");
  std::ofstream out(path, std::ios::binary);
  out << npy_bytes(type, shape, values.data());
  out.close();
  if (!out) throw input_error(path + ": cannot be written");
}

}  // namespace bitjoule
