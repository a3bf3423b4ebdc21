// Which program this is. Results of another one are never taken for this one's.
#pragma once

#include <boost/json.hpp>
#include <string>

namespace bitjoule {

/// What the program was built from.
struct Build {
  std::string version;  ///< "0.1.0"
  std::string commit;   ///< 40 hexadecimal digits; empty: built where git knows none
  bool modified;        ///< the sources were not those of the commit
  std::string sources;  ///< 16 hexadecimal digits over the sources
};

const Build& build();

/// "0.1.0 (commit 0123456789ab, modified)", or "0.1.0 (commit unknown, sources 0123456789abcdef)".
std::string build_text(const Build& build);
/// The same of a `program` in a file; of files that do not say more, the version alone.
std::string build_text(const boost::json::value& program);

/// Equal for equal programs only: what hashes of configurations carry.
std::string build_key(const Build& build);

/// `program` of the files that are written: name, version, commit (null: unknown), modified,
/// sources.
boost::json::object program_json();

}  // namespace bitjoule
