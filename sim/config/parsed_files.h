// Trees of files that have been parsed.
#pragma once

namespace bitjoule {

/// For a process that reads the same files often: what small files say is parsed again only where
/// their text has changed.
void keep_parsed_files();

}  // namespace bitjoule
