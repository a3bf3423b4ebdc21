#include "sim/commands/dram_traffic.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "sim/config/document.h"
#include "sim/config/suggest.h"

namespace bitjoule {
namespace {

constexpr std::size_t kLongestLine = 1000;
constexpr std::int64_t kLatestCycle = std::int64_t{1} << 48;
constexpr std::int64_t kMaxRequests = std::int64_t{1} << 32;  // an hour or so

/// Steps that address a regular place: base + step * stride, within a range that wraps around.
class StridedSource : public RequestSource {
 public:
  StridedSource(const PatternOptions& o, const TrafficShape& shape, std::int64_t stride)
      : o_(o), bytes_(shape.request_bytes), stride_(stride) {}
  bool next(TimedRequest* r) override {
    if (step_ == o_.count) return false;
    r->request = {o_.base + offset_, bytes_, o_.write, 0};
    r->cycle = o_.interval * step_++;
    offset_ += stride_;
    if (offset_ >= o_.range) offset_ %= o_.range;
    return true;
  }

 private:
  const PatternOptions o_;
  const std::int64_t bytes_, stride_;
  std::int64_t step_ = 0, offset_ = 0;
};

/// Uniform over the range: requests number x mod n of splitmix64 (Steele, Lea, Flood, 2014).
class RandomSource : public RequestSource {
 public:
  RandomSource(const PatternOptions& o, const TrafficShape& shape)
      : o_(o),
        bytes_(shape.request_bytes),
        places_(static_cast<std::uint64_t>(o.range / shape.request_bytes)),
        state_(static_cast<std::uint64_t>(o.seed)) {}
  bool next(TimedRequest* r) override {
    if (step_ == o_.count) return false;
    const auto place = static_cast<std::int64_t>(random() % places_);
    r->request = {o_.base + place * bytes_, bytes_, o_.write, 0};
    r->cycle = o_.interval * step_++;
    return true;
  }

 private:
  std::uint64_t random() {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }
  const PatternOptions o_;
  const std::int64_t bytes_;
  const std::uint64_t places_;
  std::uint64_t state_;
  std::int64_t step_ = 0;
};

/// Several sequential streams in turn; the last ones write.
class StreamsSource : public RequestSource {
 public:
  StreamsSource(const PatternOptions& o, const TrafficShape& shape)
      : o_(o), bytes_(shape.request_bytes) {}
  bool next(TimedRequest* r) override {
    bool write = is_writing();
    while (stream_ >= o_.streams || (write && !o_.write && step_ >= o_.write_count)) {
      stream_ = 0;  // after the writers' last step the readers go on alone
      ++step_;
      if (step_ >= o_.count) return false;
      write = is_writing();
    }
    if (step_ >= o_.count) return false;
    r->request = {o_.base + stream_ * o_.gap + step_ * bytes_, bytes_, write, 0};
    r->cycle = o_.interval * issued_++;
    ++stream_;
    return true;
  }

 private:
  bool is_writing() const { return o_.write || stream_ >= o_.streams - o_.write_streams; }
  const PatternOptions o_;
  const std::int64_t bytes_;
  std::int64_t step_ = 0, stream_ = 0, issued_ = 0;
};

class TraceFile : public RequestSource {
 public:
  TraceFile(const std::string& path, const TrafficShape& shape)
      : path_(path), shape_(shape), text_(kLongestLine + 1) {
    if (const std::string absence = why_no_file(path); !absence.empty())
      throw input_error(path + ": " + absence);
    file_.open(path);
    if (!file_) throw input_error(path + ": cannot be read");
  }
  bool next(TimedRequest* r) override {
    while (file_.getline(text_.data(), static_cast<std::streamsize>(text_.size()))) {
      ++line_;
      const std::vector<std::string_view> words = split(text_.data());
      if (words.empty() || words[0][0] == '#') continue;
      parse(words, r);
      return true;
    }
    if (file_.bad()) throw input_error(path_ + ": cannot be read");
    ++line_;
    if (!file_.eof()) fail(fmt::format("expected a line of at most {} bytes", kLongestLine));
    return false;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw input_error(fmt::format("{}:{}: {}", path_, line_, what));
  }
  static std::vector<std::string_view> split(std::string_view text) {
    constexpr const char* kBlanks = " \t\r";
    std::vector<std::string_view> words;
    for (std::size_t at = 0; (at = text.find_first_not_of(kBlanks, at)) != text.npos;) {
      const std::size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
      words.push_back(text.substr(at, end - at));
      at = end;
    }
    return words;
  }
  std::int64_t number(std::string_view word, const char* what) const {
    const bool hex = word.substr(0, 2) == "0x" || word.substr(0, 2) == "0X";
    const std::string_view digits = hex ? word.substr(2) : word;
    std::int64_t value = 0;
    const auto [stop, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
    if (error != std::errc() || stop != digits.data() + digits.size() || digits.empty() ||
        value < 0 || digits[0] == '-') {
      fail(fmt::format("expected {}, got \"{}\"", what, word));
    }
    return value;
  }
  void parse(const std::vector<std::string_view>& words, TimedRequest* r) {
    const bool ramulator = words[0] == "LD" || words[0] == "ST";
    if (words.size() != (ramulator ? 2 : 3)) {
      fail("expected \"LD ADDRESS\", \"ST ADDRESS\" or \"ADDRESS READ|WRITE CYCLE\"");
    }
    const std::string_view verb = words[ramulator ? 0 : 1];
    if (!ramulator && verb != "READ" && verb != "WRITE") {
      fail(fmt::format("expected READ or WRITE, got \"{}\"", verb));
    }
    std::int64_t address = number(words[ramulator ? 1 : 0], "an address");
    if (address >= shape_.capacity) {
      fail(fmt::format("address {:#x} is beyond the capacity of {} bytes", address,
                       shape_.capacity));
    }
    address -= address % shape_.request_bytes;
    if (shape_.request_bytes > shape_.capacity - address) {
      fail(fmt::format("the request of {} bytes at {:#x} ends beyond the capacity of {} bytes",
                       shape_.request_bytes, address, shape_.capacity));
    }
    r->request = {address, shape_.request_bytes, verb == "ST" || verb == "WRITE", 0};
    r->cycle = ramulator ? 0 : number(words[2], "a cycle");
    if (r->cycle > kLatestCycle) fail(fmt::format("cycle {} is too large", r->cycle));
  }

  const std::string path_;
  const TrafficShape shape_;
  std::ifstream file_;
  std::vector<char> text_;  ///< of a line
  std::int64_t line_ = 0;
};

/// `count` pieces of `size` bytes from `base` on must lie within the capacity.
void check_reach(const char* option, std::int64_t base, std::int64_t count, std::int64_t size,
                 const TrafficShape& shape) {
  if (base <= shape.capacity && (size == 0 || count <= (shape.capacity - base) / size)) return;
  throw input_error(
      fmt::format("{}: {} x {} bytes from byte {} on end beyond the capacity of {} bytes", option,
                  count, size, base, shape.capacity));
}

void check_multiple(const char* option, std::int64_t value, const TrafficShape& shape) {
  if (value % shape.request_bytes != 0) {
    throw input_error(fmt::format("{}: expected a multiple of a request's {} bytes, got {}", option,
                                  shape.request_bytes, value));
  }
}

}  // namespace

const std::vector<PatternRow>& pattern_rows() {
  static const std::vector<PatternRow> kRows = {
      {"sequential",
       "--count requests, one after the other",
       {"--count", "--write", "--base", "--interval"}},
      {"strided",
       "--count requests, --stride bytes apart, wrapping around in --range",
       {"--count", "--write", "--base", "--interval", "--stride", "--range"}},
      {"random",
       "--count requests anywhere in --range, from --seed",
       {"--count", "--write", "--base", "--interval", "--range", "--seed"}},
      {"streams",
       "--count steps of --streams sequential streams in turn, --gap bytes apart; the last "
       "--write-streams of them write, in the first --write-count steps",
       {"--count", "--write", "--base", "--interval", "--streams", "--write-streams",
        "--write-count", "--gap"}},
  };
  return kRows;
}

std::unique_ptr<RequestSource> make_pattern(const PatternOptions& options,
                                            const TrafficShape& shape) {
  PatternOptions o = options;
  if (o.write_count < 0) o.write_count = o.count;
  check_multiple("--base", o.base, shape);
  check_reach("--base", o.base, 1, shape.request_bytes, shape);
  if (o.interval > 0 && o.count > kLatestCycle / o.interval) {
    throw input_error(
        fmt::format("--interval: {} requests {} clocks apart take too long", o.count, o.interval));
  }
  if (o.name == "sequential") {
    check_reach("--count", o.base, o.count, shape.request_bytes, shape);
    o.range = shape.capacity;
    return std::make_unique<StridedSource>(o, shape, shape.request_bytes);
  }
  if (o.name == "streams") {
    check_multiple("--gap", o.gap, shape);
    if (o.write_streams > o.streams) {
      throw input_error(fmt::format("--write-streams: expected at most the {} of --streams, got {}",
                                    o.streams, o.write_streams));
    }
    check_reach("--gap", o.base, o.streams - 1, o.gap, shape);
    check_reach("--count", o.base + (o.streams - 1) * o.gap, o.count, shape.request_bytes, shape);
    return std::make_unique<StreamsSource>(o, shape);
  }
  if (o.range == 0) o.range = (shape.capacity - o.base) / shape.request_bytes * shape.request_bytes;
  check_multiple("--range", o.range, shape);
  check_reach("--range", o.base, 1, o.range, shape);
  if (o.count > kMaxRequests)  // other patterns end with the capacity
    throw input_error(
        fmt::format("--count: expected at most {} requests, got {}", kMaxRequests, o.count));
  if (o.name == "strided") {
    check_multiple("--stride", o.stride, shape);
    return std::make_unique<StridedSource>(o, shape, o.stride);
  }
  if (o.name == "random") return std::make_unique<RandomSource>(o, shape);
  std::vector<std::string> names;
  for (const PatternRow& row : pattern_rows()) names.emplace_back(row.name);
  throw input_error(
      fmt::format("--pattern: expected one of sequential, strided, random, streams, got "
                  "\"{}\"{}",
                  o.name, suggestion(o.name, names)));
}

std::unique_ptr<RequestSource> open_trace(const std::string& path, const TrafficShape& shape) {
  return std::make_unique<TraceFile>(path, shape);
}

}  // namespace bitjoule
