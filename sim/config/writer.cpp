#include "sim/config/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid.hpp>
#include <boost/uuid/uuid_io.hpp>

#include "sim/version.h"

namespace bitjoule {

std::string text_hash(const std::string& text) {
  boost::uuids::name_generator_sha1 generate(boost::uuids::ns::oid());
  std::string digits =
      boost::uuids::to_string(generate(fmt::format("bitjoule {}\n{}", build_key(build()), text)));
  digits.erase(std::remove(digits.begin(), digits.end(), '-'), digits.end());
  return digits;
}

std::string content_hash(const boost::json::value& value) { return text_hash(json_text(value)); }

}  // namespace bitjoule
