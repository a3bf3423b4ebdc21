// Standard output and standard error. What they do not take is remembered, not thrown: no closed
// pipe and no full disk may cost a result that is written elsewhere.
#pragma once

#include <string>

namespace bitjoule {

/// Call it first: a closed pipe becomes an error of the write instead of a signal, and a stream
/// that is closed from the start cannot become one of the files that are opened later.
void prepare_streams();

/// Text for people, to standard output: control characters, which names may hold, are made visible.
void print_text(const std::string& text);
/// What could be a file, to standard output: byte by byte, but for a terminal as print_text().
void print_data(const std::string& text);
/// Text for people, to standard error.
void print_error(const std::string& text);
/// The same, without making anything visible: `text` holds what moves a terminal's cursor.
void print_progress(const std::string& text);

/// "standard output: cannot be written: No space left on device": the first that was lost, or
/// nothing.
std::string lost_output();

}  // namespace bitjoule
