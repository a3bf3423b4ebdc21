#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>

#include "core/error.h"
#include "sim/formats/npy.h"

namespace bitjoule::formats_npy_test {

namespace {

/// A version 1.0 file built by hand, not by the writer under test.
std::string npy(const std::string& header, const std::string& data, char major = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += {major, '\0', static_cast<char>(header.size()), '\0'};
  if (major > 1) bytes += {'\0', '\0'};
  return bytes + header + data;
}

StoredTensor parse(const std::string& bytes) {
  return parse_npy(Blob::from_memory("x.npy", bytes));
}

std::string message_of(const std::string& bytes) {
  try {
    parse(bytes);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    return error.what();
  }
  return "";
}

const std::string kHeader = "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 1), }\n";
const std::string kData("\x01\x00\xff\xff", 4);

}  // namespace

TEST_CASE("npy: versions 1 to 3 give the same little-endian values") {
  for (char major : {1, 2, 3}) {
    const StoredTensor tensor = parse(npy(kHeader, kData, major));
    CHECK(tensor.shape == std::vector<std::int64_t>{2, 1});
    CHECK(to_integers(tensor) == std::vector<std::int64_t>{1, -1});
    CHECK(to_floats(tensor) == std::vector<float>{1, -1});
  }
}

TEST_CASE("npy: half precision decodes exactly") {
  // 0x3c00 = 1, 0xc000 = -2, 0x0001 = 2^-24 (the smallest subnormal)
  const std::string data("\x00\x3c\x00\xc0\x01\x00", 6);
  const StoredTensor tensor =
      parse(npy("{'descr': '<f2', 'fortran_order': False, 'shape': (3,), }\n", data));
  CHECK(to_floats(tensor) == std::vector<float>{1, -2, 0x1p-24f});
}

TEST_CASE("npy: what the writer writes has aligned data and reads back") {
  const std::vector<float> values = {0.5f, -3.0f, 1e-40f, 7.0f, 8.0f, 9.0f};
  const StoredType& type = *find_stored_type("fp32");
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{6}, std::vector<std::int64_t>{2, 3},
        std::vector<std::int64_t>{1, 6, 1}}) {
    const std::string bytes = npy_bytes(type, shape, values.data());
    CHECK((bytes.size() - values.size() * 4) % 64 == 0);
    const StoredTensor tensor = parse(bytes);
    CHECK(tensor.shape == shape);
    CHECK(to_floats(tensor) == values);
  }
  const float one = 1;
  CHECK(parse(npy_bytes(type, {}, &one)).shape.empty());  // a scalar
}

TEST_CASE("npy: every truncation is refused") {
  const std::string whole = npy(kHeader, kData);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_THROWS_AS(parse(whole.substr(0, size)), Error);
  }
}

TEST_CASE("npy: errors name the file and the place") {
  CHECK(message_of("not numpy") == "x.npy: byte 6: no .npy file: the magic is missing");
  CHECK(message_of(npy(kHeader, kData + "x")) ==
        "x.npy: byte 70: the shape needs 4 bytes of data, the file has 5");
  CHECK(message_of(npy("{'descr': '>f4', 'fortran_order': False, 'shape': ()}", "")) ==
        "x.npy: byte 63: descr: expected a little-endian integer, bool or float such as \"<f4\", "
        "got \">f4\"");
  CHECK(message_of(npy("{'descr': '|O', 'fortran_order': False, 'shape': ()}", "")) != "");
  CHECK(message_of(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1)}", "1234")) == "");
  CHECK(message_of(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2)}", "")) ==
        "x.npy: byte 66: Fortran order is not read; save numpy.ascontiguousarray(x)");
  // 2^40 x 2^40 elements: an honest product would overflow.
  CHECK(message_of(npy("{'descr': '<f4', 'fortran_order': False, "
                       "'shape': (1099511627776, 1099511627776)}",
                       "")) == "x.npy: shape: more than 70368744177664 elements");
  CHECK(message_of(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
                       "")) != "");
  CHECK(message_of(npy("{'descr': '', 'fortran_order': False, 'shape': ()}", "")) != "");
}

}  // namespace bitjoule::formats_npy_test
