// One self-contained HTML file about a run or a sweep.
#pragma once

#include <string>

namespace bitjoule {

/// The report of a directory with result.json (a run) or results.json (a sweep), or of such a file.
/// Figures in plots/*.svg beside it are embedded. Throws an input Error.
std::string report_html(const std::string& path);

}  // namespace bitjoule
