// Tables as comma-separated values (RFC 4180) that spreadsheets can open.
#pragma once

#include <string>
#include <vector>

namespace bitjoule {

/// A text as a cell: quoted where it holds commas or quotes; control characters, line breaks too,
/// as printable_line() shows them. A text that a spreadsheet would run as a formula (it begins with
/// =, +, -, @, a tab or a carriage return, and is no number) gets an apostrophe before it, which
/// makes it text.
std::string csv_cell(const std::string& text);

/// Cells as they stand, with commas between them and a line feed at the end.
std::string csv_line(const std::vector<std::string>& cells);

}  // namespace bitjoule
