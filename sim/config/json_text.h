// JSON text as a value, numbers included.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>

namespace bitjoule {

/// What becomes of lists: nobody pays for elements that are not asked for, but all are parsed.
enum class JsonLists { kKept, kEmptied };

/// As boost::json::parse(), but each real number is the one nearest to its digits: Boost's own
/// parser (1.81) may miss it by a unit in the last place, and what is read would not be written
/// again as it was.
boost::json::value parse_json(const std::string& text, boost::system::error_code& error,
                              boost::json::storage_ptr storage = {},
                              JsonLists lists = JsonLists::kKept);

/// A whole JSON object, or nothing. Its parts share one piece of memory, which goes as a whole.
std::optional<boost::json::object> parse_object(const std::string& text,
                                                JsonLists lists = JsonLists::kKept);

}  // namespace bitjoule
