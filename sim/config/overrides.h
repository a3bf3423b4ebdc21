// What --set does to a tree, and values at a root that belong below one of its keys.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/config/describe.h"
#include "sim/config/node.h"

namespace bitjoule {

/// One `--set path=value`, or what a file says in its place.
struct Override {
  std::string path;   ///< dotted keys from the root; list elements by number
  std::string value;  ///< YAML
  /// Instead of `value`: a value of a file. Errors name its place, and file names in it are looked
  /// up beside that file.
  std::shared_ptr<const Node> node = nullptr;
};

/// Splits "a.b.c=value". Throws an input Error without '=' or with an empty key.
Override parse_override(const std::string& text);
/// Throws an input Error that starts with `what` for a path with an empty key.
void check_override_path(const std::string& path, const std::string& what);

/// Applies one override to the tree; a path that starts with an alias goes to its target.
void apply_override(Node& root, const Override& override, const std::vector<PathAlias>& aliases,
                    Problems& problems);

/// Removes the rivals of a root's key that an override has replaced as a whole.
void remove_rivals(Node& root, const Override& override, std::vector<std::string> rivals);

/// Moves the values of aliases to their targets and puts default files where nothing stands.
void resolve_aliases(Node& root, const std::vector<PathAlias>& aliases);

/// Where an override is about to replace the target of aliases as a whole: moves back to the root
/// what was written there. Returns whether resolve_aliases() must follow.
bool restore_aliases(Node& root, const Override& override, const std::vector<PathAlias>& aliases);

/// Whether one of the overrides behind the i-th reaches into what that one has set, or may.
bool is_reached_into(const std::vector<Override>& overrides, std::size_t i,
                     const std::vector<PathAlias>& aliases);

}  // namespace bitjoule
