#include "sim/report/report.h"

#include <fmt/format.h>

#include <exception>
#include <filesystem>

#include "core/error.h"
#include "sim/config/document.h"
#include "sim/config/json_text.h"
#include "sim/output/text_file.h"
#include "sim/report/report_parts.h"
#include "sim/sweep/store.h"

namespace bitjoule {

namespace fs = std::filesystem;

namespace {

/// The file of results in a directory, or the file itself.
std::string results_file(const std::string& path) {
  if (!fs::is_directory(path)) return path;
  for (const char* name : {"/results.json", "/result.json"})
    if (fs::exists(path + name)) return path + name;
  throw input_error(
      fmt::format("{}: neither result.json (a run) nor results.json (a sweep)", path));
}

/// Whether a file holds the results of a sweep: it lists points.
bool is_sweep(const std::string& file) {
  boost::system::error_code error;
  const boost::json::value value = parse_json(read_text_file(file), error);
  return !error && value.is_object() && value.as_object().contains("points_in_sweep");
}

}  // namespace

std::string report_html(const std::string& path) {
  try {
    const std::string file = results_file(path);
    if (const std::string absence = why_no_file(file); !absence.empty())
      throw input_error(fmt::format("{}: no results: {}", file, absence));
    return is_sweep(file) ? sweep_report(file) : run_report(file);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {  // a key that is not there
    throw input_error(fmt::format("{}: not results of this program: {}", path, e.what()));
  }
}

}  // namespace bitjoule
