// SCALE-Sim's topology files (.csv).
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <limits>
#include <set>
#include <sstream>

#include "core/error.h"
#include "sim/config/reader.h"
#include "sim/config/writer.h"
#include "sim/import/import.h"
#include "sim/import/scalesim_text.h"
#include "sim/schema/describe_run.h"
#include "sim/schema/network_file.h"

namespace bitjoule {

using scalesim::text_of;
using scalesim::to_integer;
using scalesim::trim;

namespace {

constexpr std::size_t kMaxTopologyLayers = 1 << 16;

/// The cells of a line; a trailing separator adds none, and quotes hold separators together.
/// SCALE-Sim's files are separated by commas, old ones by tabs, those of spreadsheets by
/// semicolons.
std::vector<std::string> split(const std::string& line, const std::string& where) {
  std::string outside;
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') quoted = !quoted;
    if (!quoted) outside += c;
  }
  if (quoted) throw input_error(where + ": a quote (\") that does not end on its line");
  const char separator = outside.find(',') != std::string::npos   ? ','
                         : outside.find(';') != std::string::npos ? ';'
                                                                  : '\t';
  std::vector<std::string> cells(1);
  for (const char c : line) {
    if (c == '"') quoted = !quoted;
    if (c == separator && !quoted)
      cells.emplace_back();
    else
      cells.back() += c;
  }
  for (std::string& cell : cells) {
    cell = trim(cell);
    if (cell.size() < 2 || cell.front() != '"' || cell.back() != '"') continue;
    cell = trim(cell.substr(1, cell.size() - 2));
    for (std::size_t at = 0; (at = cell.find("\"\"", at)) != std::string::npos; ++at)
      cell.erase(at, 1);
  }
  while (!cells.empty() && cells.back().empty()) cells.pop_back();
  return cells;
}

// SCALE-Sim rounds the output size up: the last window may leave the (padded) image, by this.
std::int64_t overhang(std::int64_t size, std::int64_t kernel, std::int64_t stride) {
  return size < kernel ? 0 : (stride - (size - kernel) % stride) % stride;
}

/// What a column holds.
enum class Column {
  kName,
  kM,
  kN,
  kK,
  kHeight,
  kWidth,
  kKernelH,
  kKernelW,
  kChannels,
  kFilters,
  kStride,  ///< of both directions
  kStrideH,
  kStrideW,
  kBatch,
  kDilation,  ///< of both directions
  kPadding,   ///< of all sides
  kGroups,
  kSparsity,
  kUnknown,
};

/// Headings as SCALE-Sim's versions and its topology files spell them, in small letters, without
/// spaces, hyphens and underscores.
Column column_of(const std::string& heading) {
  std::string word;
  for (const char c : heading)
    if (std::isalnum(static_cast<unsigned char>(c)))
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  static const std::map<std::string, Column> kHeadings = {{"layername", Column::kName},
                                                          {"layer", Column::kName},
                                                          {"name", Column::kName},
                                                          {"l", Column::kName},
                                                          {"m", Column::kM},
                                                          {"n", Column::kN},
                                                          {"k", Column::kK},
                                                          {"ifmapheight", Column::kHeight},
                                                          {"ifmaph", Column::kHeight},
                                                          {"ifmapwidth", Column::kWidth},
                                                          {"ifmapw", Column::kWidth},
                                                          {"filterheight", Column::kKernelH},
                                                          {"filterh", Column::kKernelH},
                                                          {"filterwidth", Column::kKernelW},
                                                          {"filterw", Column::kKernelW},
                                                          {"channels", Column::kChannels},
                                                          {"channel", Column::kChannels},
                                                          {"numchannels", Column::kChannels},
                                                          {"numfilter", Column::kFilters},
                                                          {"numfilters", Column::kFilters},
                                                          {"filters", Column::kFilters},
                                                          {"strides", Column::kStride},
                                                          {"stride", Column::kStride},
                                                          {"strideheight", Column::kStrideH},
                                                          {"strideh", Column::kStrideH},
                                                          {"stridewidth", Column::kStrideW},
                                                          {"stridew", Column::kStrideW},
                                                          {"batchsize", Column::kBatch},
                                                          {"batch", Column::kBatch},
                                                          {"dilation", Column::kDilation},
                                                          {"dilations", Column::kDilation},
                                                          {"dilationrate", Column::kDilation},
                                                          {"padding", Column::kPadding},
                                                          {"paddings", Column::kPadding},
                                                          {"pad", Column::kPadding},
                                                          {"groups", Column::kGroups},
                                                          {"group", Column::kGroups},
                                                          {"numgroups", Column::kGroups},
                                                          {"sparsity", Column::kSparsity},
                                                          {"sparsityratio", Column::kSparsity}};
  const auto found = kHeadings.find(word);
  return found == kHeadings.end() ? Column::kUnknown : found->second;
}

// In SCALE-Sim's order, which goes by the place of a column alone.
const std::vector<Column> kGemm = {Column::kName, Column::kM, Column::kN, Column::kK};
const std::vector<Column> kConv = {Column::kName,    Column::kHeight,  Column::kWidth,
                                   Column::kKernelH, Column::kKernelW, Column::kChannels,
                                   Column::kFilters, Column::kStride};

// Columns that a convolution may have beside these.
const std::vector<Column> kConvMore = {Column::kStrideH, Column::kStrideW, Column::kDilation,
                                       Column::kPadding, Column::kGroups};

bool is_in(const std::vector<Column>& columns, Column column) {
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

bool is_number(const std::string& cell) {
  return !cell.empty() && std::all_of(cell.begin(), cell.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

/// A name that is taken gets a number behind it.
std::string unique_name(const std::string& name, std::map<std::string, int>& taken) {
  const int times = ++taken[name];
  return times == 1 ? name : unique_name(fmt::format("{}_{}", name, times), taken);
}

/// A topology file, line by line.
class Topology {
 public:
  explicit Topology(std::string file) : file_(std::move(file)) {}

  void add(const std::vector<std::string>& cells, int line) {
    where_ = fmt::format("{}:{}", file_, line);
    if (columns_.empty() && !headed_ && read_heading(cells)) return;
    if (columns_.empty()) columns_ = positions(cells.size());
    if (network_.layers.size() == kMaxTopologyLayers)
      throw input_error(fmt::format("{}: more than {} layers", where_, kMaxTopologyLayers));
    network_.layers.push_back(layer(cells));
    network_.layers.back().name = unique_name(network_.layers.back().name, taken_);
  }

  Imported finish(const std::string& name) {
    if (network_.layers.empty()) throw input_error(file_ + ": no layers");
    network_.name = name;
    Imported result;
    result.what = std::move(network_);
    result.notes.assign(notes_.begin(), notes_.end());
    return result;
  }

 private:
  /// What the columns are; false where the first line is a layer already.
  bool read_heading(const std::vector<std::string>& cells) {
    const bool is_layer = cells.size() > 3 && is_number(cells[1]) && is_number(cells[2]);
    if (is_layer) {
      notes_.insert("no headings: the first line is a layer (SCALE-Sim passes over it)");
      return false;
    }
    headed_ = true;
    for (const std::string& cell : cells) columns_.push_back(column_of(cell));
    for (std::size_t i = 0; i < cells.size(); ++i)
      if (!cells[i].empty() && columns_[i] == Column::kUnknown) passed_over_.insert(i);
    // Some of SCALE-Sim's files say "IFMAP Width" twice.
    const auto width = std::find(columns_.begin(), columns_.end(), Column::kWidth);
    if (!has(Column::kHeight) && std::count(columns_.begin(), columns_.end(), Column::kWidth) == 2)
      *width = Column::kHeight;
    if (columns_.front() == Column::kUnknown) columns_.front() = Column::kName;
    for (const Column column : columns_)
      if (column != Column::kUnknown && std::count(columns_.begin(), columns_.end(), column) > 1)
        throw input_error(
            fmt::format("{}: a heading stands twice: {}", where_, fmt::join(cells, ", ")));
    if (is_complete()) {
      for (const std::size_t i : passed_over_)
        notes_.insert(fmt::format("column {} (\"{}\") is passed over", i + 1, cells[i]));
      return true;
    }
    columns_.clear();
    passed_over_.clear();
    notes_.insert(
        fmt::format("headings that are not known ({}): columns taken in SCALE-Sim's order",
                    fmt::join(cells, ", ")));
    return true;
  }

  bool has(Column column) const {
    return std::find(columns_.begin(), columns_.end(), column) != columns_.end();
  }
  bool has_all(const std::vector<Column>& columns) const {
    return std::all_of(columns.begin(), columns.end(), [&](Column c) {
      return has(c) || (c == Column::kStride && has(Column::kStrideH) && has(Column::kStrideW));
    });
  }
  bool is_complete() const { return has_all(kGemm) || has_all(kConv); }

  static std::vector<Column> positions(std::size_t cells) { return cells < 8 ? kGemm : kConv; }

  std::size_t place(Column column) const {
    return static_cast<std::size_t>(std::find(columns_.begin(), columns_.end(), column) -
                                    columns_.begin());
  }

  std::int64_t at(const std::vector<std::string>& cells, Column column) const {
    const std::size_t i = place(column);
    return to_integer(cells[i], fmt::format("{}, column {}", where_, i + 1));
  }

  /// A number that may be missing.
  std::int64_t at_or(const std::vector<std::string>& cells, Column column,
                     std::int64_t otherwise) const {
    if (!has(column) || place(column) >= cells.size() || cells[place(column)].empty())
      return otherwise;
    return otherwise == 0 && cells[place(column)] == "0" ? 0 : at(cells, column);
  }

  /// Throws an input Error for cells of columns that the other kind of layer has.
  void refuse_foreign(const std::vector<std::string>& cells, bool gemm) const {
    for (std::size_t i = 0; i < std::min(cells.size(), columns_.size()); ++i) {
      const Column c = columns_[i];
      const bool of_conv = is_in(kConv, c) || is_in(kConvMore, c);
      const bool foreign = c != Column::kName && (gemm ? of_conv : is_in(kGemm, c));
      if (foreign && !cells[i].empty())
        throw input_error(
            fmt::format("{}, column {}: \"{}\" under a heading that says nothing of "
                        "a {}{}",
                        where_, i + 1, cells[i], gemm ? "product" : "convolution",
                        gemm ? "" : " (Batch Size counts images)"));
    }
  }

  /// What no heading names: a sparsity ratio, the stride along the width, or a remark.
  void read_rest(const std::vector<std::string>& cells, Conv2d* conv) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const bool named = i < columns_.size() && columns_[i] != Column::kUnknown;
      if (named || cells[i].empty() || passed_over_.count(i) != 0) continue;
      if (conv != nullptr && i == kConv.size() && is_number(cells[i])) {
        conv->stride_w = to_integer(cells[i], fmt::format("{}, column {}", where_, i + 1));
        notes_.insert("a number behind the strides is the stride along the width");
      } else if (is_number(cells[i])) {
        throw input_error(fmt::format("{}, column {}: \"{}\" has no heading that says what it is",
                                      where_, i + 1, cells[i]));
      } else if (cells[i].front() != '#' && cells[i].find(':') != std::string::npos) {
        note_sparsity(cells[i]);
      } else {
        notes_.insert("remarks behind the last column are passed over");
      }
    }
    if (has(Column::kSparsity) && place(Column::kSparsity) < cells.size())
      note_sparsity(cells[place(Column::kSparsity)]);
  }

  void note_sparsity(const std::string& ratio) {
    const std::size_t colon = ratio.find(':');
    if (!is_number(ratio.substr(0, colon)) || colon == std::string::npos ||
        !is_number(ratio.substr(colon + 1)))
      throw input_error(
          fmt::format("{}: expected a sparsity ratio such as 2:4, got \"{}\"", where_, ratio));
    if (ratio.substr(0, colon) != ratio.substr(colon + 1))
      notes_.insert("the sparsity column is passed over: weights are dense");
  }

  Conv2d conv(const std::vector<std::string>& cells) const {
    Conv2d conv;
    conv.height = at(cells, Column::kHeight);
    conv.width = at(cells, Column::kWidth);
    conv.kernel_h = at(cells, Column::kKernelH);
    conv.kernel_w = at(cells, Column::kKernelW);
    conv.channels = at(cells, Column::kChannels);
    conv.filters = at(cells, Column::kFilters);
    const bool one = has(Column::kStride);
    conv.stride_h = at(cells, one ? Column::kStride : Column::kStrideH);
    conv.stride_w = at(cells, one ? Column::kStride : Column::kStrideW);
    conv.dilation_h = conv.dilation_w = at_or(cells, Column::kDilation, 1);
    conv.pad_top = conv.pad_left = at_or(cells, Column::kPadding, 0);
    conv.groups = at_or(cells, Column::kGroups, 1);
    return conv;
  }

  NetworkLayer layer(const std::vector<std::string>& cells) {
    const bool gemm = has_all(kGemm);
    std::size_t needed = 0;
    for (std::size_t i = 0; i < columns_.size(); ++i)
      if (is_in(gemm ? kGemm : kConv, columns_[i]) || columns_[i] == Column::kStrideH ||
          columns_[i] == Column::kStrideW || columns_[i] == Column::kBatch)
        needed = i + 1;
    refuse_foreign(cells, gemm);
    if (cells.size() < needed)
      throw input_error(fmt::format("{}: expected {} columns ({}), got {}", where_, needed,
                                    gemm ? "name, M, N, K" : "name and the sizes of a convolution",
                                    cells.size()));
    NetworkLayer layer;
    layer.name = cells[place(Column::kName)];
    if (layer.name.empty()) throw input_error(where_ + ", column 1: expected a name");
    const std::int64_t batch = has(Column::kBatch) ? at(cells, Column::kBatch) : 1;
    if (gemm) {
      const std::int64_t m = at(cells, Column::kM);
      if (m > std::numeric_limits<std::int64_t>::max() / batch)
        throw input_error(fmt::format("{}: {} x {} rows are too many", where_, batch, m));
      layer.op = Gemm{m * batch, at(cells, Column::kN), at(cells, Column::kK)};
      layer.kind = "linear";
      read_rest(cells, nullptr);
    } else {
      Conv2d op = conv(cells);
      op.batch = batch;
      read_rest(cells, &op);
      constexpr std::int64_t kMaxSize = std::int64_t{1} << 31;  // of a layer, checked below
      const auto after = [&](std::int64_t size, std::int64_t kernel, std::int64_t stride,
                             std::int64_t dilation, std::int64_t pad) {
        if (std::max({size, kernel, dilation, pad}) > kMaxSize) return pad;
        return pad + overhang(size + 2 * pad, dilation * (kernel - 1) + 1, stride);
      };
      op.pad_bottom = after(op.height, op.kernel_h, op.stride_h, op.dilation_h, op.pad_top);
      op.pad_right = after(op.width, op.kernel_w, op.stride_w, op.dilation_w, op.pad_left);
      layer.kind = "conv";
      if (layer.name.find("DP") != std::string::npos) {
        if (op.groups != 1)
          throw input_error(where_ + ": a layer named DP is depthwise, so it has no groups");
        // SCALE-Sim makes a layer of one channel of each.
        layer.repeat = op.channels;
        op.channels = 1;
        layer.kind = "depthwise";
        notes_.insert(
            "layers with DP in their names are depthwise, as in SCALE-Sim: their filters run over "
            "one channel after the other");
      }
      layer.op = op;
    }
    try {
      layer.parameters = layer_weights(layer);
    } catch (const Error& error) {
      throw input_error(fmt::format("{}: {}", where_, error.what()));
    }
    return layer;
  }

  std::string file_, where_;
  Network network_;
  std::vector<Column> columns_;
  std::set<std::size_t> passed_over_;  ///< columns with headings that are not known
  bool headed_ = false;                ///< the first line was one of headings
  std::map<std::string, int> taken_;
  std::set<std::string> notes_;
};

}  // namespace

Imported import_scalesim_topology(const Blob& file, const ImportOptions&) {
  std::istringstream in(text_of(file));
  std::string name = file.name();
  const std::size_t slash = name.find_last_of('/');
  if (slash != std::string::npos) name.erase(0, slash + 1);
  Topology topology(file.name());
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (trim(line).rfind('#', 0) == 0) continue;  // a remark
    const std::vector<std::string> cells = split(line, fmt::format("{}:{}", file.name(), number));
    if (!cells.empty()) topology.add(cells, number);
  }
  return topology.finish(name);
}

}  // namespace bitjoule
