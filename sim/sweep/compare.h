// What differs between two runs.
#pragma once

#include <boost/json.hpp>
#include <cstddef>
#include <string>

namespace bitjoule {

/// A run's result.json: of a directory, or the file itself. Throws an input Error.
boost::json::object load_result(const std::string& path);

/// What differs in configuration (value against value) and in the result (absolute and relative);
/// says so where nothing does. Where rows are wider than `width` characters, long texts are
/// shortened, a long path stands above its values, and the last parts of a change may be missing.
std::string diff_text(const std::string& name_a, const boost::json::object& a,
                      const std::string& name_b, const boost::json::object& b, std::size_t width);

/// The same, all of it: config[] and result[] with path, a and b (missing: not there) of each.
boost::json::object diff_json(const std::string& name_a, const boost::json::object& a,
                              const std::string& name_b, const boost::json::object& b);

}  // namespace bitjoule
