// Files that the program writes: whole or not at all, whatever kills it or fills the disk.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bitjoule {

/// Gives a text to what it is called with, piece by piece.
using TextWriter = std::function<void(const std::function<void(std::string_view)>&)>;

/// Writes beside `path`, renames, and returns when both have reached the disk. Throws an input
/// Error with the system's reason; then `path` is as it was. The name in between ends in .partial
/// and is unique among all machines' processes. A link at `path` is replaced, not followed.
void write_atomically(const std::string& path, const std::string& text);

/// The same without waiting for the disk: for what can be made again where it is not whole.
void write_whole(const std::string& path, const std::string& text);

/// A file beside `path` that only the process and those that are forked from it write.
std::string partial_name(const std::string& path, int process);
/// Writes it anew, and leaves it to the system when it reaches the disk. Throws as
/// write_atomically(); there is none then.
void write_partial_file(const std::string& partial, const std::string& text);

struct PartialFile {
  std::string partial, path;
};
/// Files of one directory take their places, which they do when all of them have reached the disk,
/// and their names have when it returns. Throws as write_atomically(); some may be in their places.
void take_places(const std::string& directory, const std::vector<PartialFile>& files);

/// Returns when the names in a directory have reached the disk. Throws as write_atomically().
void sync_directory(const std::string& path);

/// The files of one result. They are written beside their places, and take them all together once
/// every one of them is whole; a result that was there before is replaced as a whole too. The file
/// added last vouches for the others: it goes before they change and comes back after them. All
/// have reached the disk when take_places() returns.
class OutputFiles {
 public:
  OutputFiles() = default;
  ~OutputFiles();  ///< forgets what did not take its place
  OutputFiles(const OutputFiles&) = delete;
  OutputFiles& operator=(const OutputFiles&) = delete;

  /// Links are followed; devices and pipes are written to at once. Throws as write_atomically().
  void add(const std::string& path, const std::string& text);
  /// The same of a text that `write` gives piece by piece.
  void add(const std::string& path, const TextWriter& write);
  void take_places();
  /// As they were asked for, of those that wait for their places.
  std::vector<std::string> names() const;

 private:
  struct Staged {
    std::string name, target, partial;  ///< as asked for; behind links; where it is until then
  };
  std::vector<Staged> staged_;
};

/// A file that a rename would replace by something else: a device, a pipe.
bool is_special_file(const std::string& path);
/// Links are written through, not replaced.
std::string behind_links(const std::string& path);

}  // namespace bitjoule
