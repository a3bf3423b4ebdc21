#include "sim/system/places.h"

#include <dlfcn.h>
#include <link.h>

#include <filesystem>

namespace bitjoule {
namespace {

namespace fs = std::filesystem;

fs::path find_own_directory() {
  static const char anchor = 0;  // in the object that is asked for
  Dl_info info{};
  void* map = nullptr;
  std::error_code error;
  if (::dladdr1(&anchor, &info, &map, RTLD_DL_LINKMAP) != 0 && map != nullptr) {
    const char* name = static_cast<const link_map*>(map)->l_name;  // "" of the program itself
    if (*name != '\0') return fs::canonical(name, error).parent_path();
  }
  return fs::read_symlink("/proc/self/exe", error).parent_path();
}

}  // namespace

const std::string& own_directory() {
  static const std::string directory = find_own_directory().string();
  return directory;
}

std::string own_file(const std::string& path) {
  for (fs::path directory = own_directory(); !directory.empty();
       directory = directory.parent_path()) {
    std::error_code error;
    const fs::path file = fs::canonical(directory / path, error);
    if (!error) return file.string();
    if (directory == directory.parent_path()) break;  // the root
  }
  return "";
}

}  // namespace bitjoule
