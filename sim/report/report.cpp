#include "sim/report/report.h"

#include <fmt/format.h>

#include <exception>
#include <filesystem>

#include "core/error.h"
#include "sim/config/document.h"
#include "sim/config/json_text.h"
#include "sim/output/text_file.h"
#include "sim/report/report_accuracy.h"
#include "sim/report/report_parts.h"
#include "sim/sweep/store.h"

namespace bitjoule {

namespace fs = std::filesystem;

namespace {

/// The file of results in a directory, or the file itself.
std::string results_file(const std::string& path) {
  if (!fs::is_directory(path)) return path;
  for (const char* name : {"/results.json", "/result.json", "/tune.json"})
    if (fs::exists(path + name)) return path + name;
  throw input_error(fmt::format(
      "{}: neither result.json (a run) nor results.json (a sweep) nor tune.json (formats)", path));
}

/// The page of what a file holds: a sweep lists points, a search of formats mixes.
std::string page_of(const std::string& file) {
  boost::system::error_code error;
  const boost::json::value value = parse_json(read_text_file(file), error);
  const auto has = [&](const char* key) {
    return !error && value.is_object() && value.as_object().contains(key);
  };
  if (has("points_in_sweep")) return sweep_report(file);
  return has("mixes") ? tune_report(file) : run_report(file);
}

}  // namespace

std::string report_html(const std::string& path) {
  try {
    const std::string file = results_file(path);
    if (const std::string absence = why_no_file(file); !absence.empty())
      throw input_error(fmt::format("{}: no results: {}", file, absence));
    return page_of(file);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {  // a key that is not there
    throw input_error(fmt::format("{}: not results of this program: {}", path, e.what()));
  }
}

}  // namespace bitjoule
