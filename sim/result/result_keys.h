// What every result.json has: files that came from anywhere are held against it.
#pragma once

#include <boost/json.hpp>

namespace bitjoule {

/// Whether an object has the layout of result_json(): every key that all results have is there,
/// with a value of its kind, and so are the parts of the totals; keys that some results have are of
/// their kind where they are.
bool has_result_keys(const boost::json::object& object);

}  // namespace bitjoule
