#include "sim/report/report.h"

#include <fmt/format.h>

#include <exception>
#include <filesystem>

#include "core/error.h"
#include "sim/report/report_parts.h"

namespace bitjoule {

namespace fs = std::filesystem;

std::string report_html(const std::string& directory) {
  try {
    if (fs::exists(directory + "/results.json")) return sweep_report(directory);
    if (fs::exists(directory + "/result.json")) return run_report(directory);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {  // a key that is not there
    throw input_error(fmt::format("{}: not results of this program: {}", directory, e.what()));
  }
  throw input_error(
      fmt::format("{}: neither result.json (a run) nor results.json (a sweep)", directory));
}

}  // namespace bitjoule
