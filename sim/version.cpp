#include "sim/version.h"

#include <build_stamp.h>
#include <fmt/format.h>

namespace bitjoule {
namespace {

constexpr std::size_t kShownDigits = 12;  // of a commit

}  // namespace

const Build& build() {
  static const Build kBuild{BITJOULE_VERSION, BITJOULE_COMMIT, BITJOULE_MODIFIED, BITJOULE_SOURCES};
  return kBuild;
}

std::string build_text(const Build& b) {
  if (b.commit.empty()) return fmt::format("{} (commit unknown, sources {})", b.version, b.sources);
  return fmt::format("{} (commit {}{})", b.version, b.commit.substr(0, kShownDigits),
                     b.modified ? fmt::format(", modified, sources {}", b.sources) : "");
}

std::string build_text(const boost::json::value& program) {
  const boost::json::object& object = program.as_object();
  const auto text = [&](const char* key) {
    const boost::json::value* value = object.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
  };
  const boost::json::value* modified = object.if_contains("modified");
  const bool is_modified = modified != nullptr && modified->is_bool() && modified->as_bool();
  const Build b{text("version"), text("commit"), is_modified, text("sources")};
  return b.commit.empty() && b.sources.empty() ? b.version : build_text(b);
}

std::string build_key(const Build& b) {
  return fmt::format("{} {} {} {}", b.version, b.commit.empty() ? "-" : b.commit,
                     b.modified ? "modified" : "clean", b.sources);
}

boost::json::object program_json() {
  const Build& b = build();
  boost::json::value commit, modified;
  if (!b.commit.empty()) {
    commit = boost::json::string(b.commit);
    modified = b.modified;
  }
  return {{"name", "bitjoule"},
          {"version", b.version},
          {"commit", commit},
          {"modified", modified},
          {"sources", b.sources}};
}

}  // namespace bitjoule
