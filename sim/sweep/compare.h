// What differs between two runs.
#pragma once

#include <boost/json.hpp>
#include <string>

namespace bitjoule {

/// A run's result.json: of a directory, or the file itself. Throws an input Error.
boost::json::object load_result(const std::string& path);

/// What differs in configuration (value against value) and in the result (absolute and relative);
/// says so where nothing does.
std::string diff_text(const std::string& name_a, const boost::json::object& a,
                      const std::string& name_b, const boost::json::object& b);

}  // namespace bitjoule
