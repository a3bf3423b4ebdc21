// Standard output and standard error. What they do not take is remembered, not thrown: no closed
// pipe and no full disk may cost a result that is written elsewhere.
#pragma once

#include <cstddef>
#include <string>

namespace bitjoule {

/// Call it first: a closed pipe becomes an error of the write instead of a signal, and a stream
/// that is closed from the start cannot become one of the files that are opened later. Where the
/// program was started as `bitjoule`, help and errors call its commands by that name, not `sim`.
void prepare_streams(const std::string& program);

/// How much is told about the work; answers, data and errors always are.
enum class Verbosity {
  kQuiet,   ///< nothing
  kNormal,  ///< what came of it, and which files were written
  kVerbose  ///< also which files were read, and how long it took
};
void set_verbosity(Verbosity verbosity);
Verbosity verbosity();

/// Text for people, to standard output: control characters, which names may hold, are made visible.
void print_text(const std::string& text);
/// The same, of work whose results are elsewhere too: nothing where the user wants quiet.
void print_summary(const std::string& text);
/// The same, with headings (lines that end in a colon) in bold where is_coloured().
void print_help(const std::string& text);
/// What could be a file, to standard output: byte by byte, but for a terminal as print_text().
void print_data(const std::string& text);
/// Text for people, to standard error; "error:" and "note:" at its start in colour where
/// is_coloured().
void print_error(const std::string& text);
/// What was done, to standard error: nothing where the user wants quiet. Nobody misses it there.
void print_done(const std::string& text);
/// How it was done, likewise: nothing unless the user wants it verbose.
void print_detail(const std::string& text);
/// The same, without making anything visible: `text` holds what moves a terminal's cursor.
void print_progress(const std::string& text);

/// Whether a stream takes colour: it is a terminal, no dumb one, and NO_COLOR (no-color.org) is not
/// set or empty.
bool is_coloured(int file);

inline constexpr std::size_t kUnlimited = std::string::npos;
/// Characters of a line of standard output where it is a terminal, at least 60: it says so itself,
/// else COLUMNS does, else 80. kUnlimited where it is none.
std::size_t terminal_width();

/// "standard output: cannot be written: No space left on device": the first that was lost, or
/// nothing.
std::string lost_output();
/// Whether that was because who read it has left, as `head` does: no news to the user.
bool is_output_refused();

}  // namespace bitjoule
