// The tensors and tile operations of an attention in memory and time.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "core/error.h"
#include "core/interrupt.h"
#include "core/mapping/attention.h"
#include "core/mapping/division.h"
#include "core/mapping/input_scales.h"

namespace bitjoule {
namespace {

constexpr std::int64_t kTileSteps = 512;  // of check_interrupt_after()

/// The rows of keys, or of values, of all groups: each group's one after the other.
struct CacheTensor {
  const MappingProblem* problem = nullptr;
  std::int64_t rows = 1, length = 1;       ///< of a group, whole pages of them; numbers of a row
  std::int64_t base = 0, scales_base = 0;  ///< byte addresses
  Pages pages{};
  const StorageLayout& layout() const { return problem->path.weights.layout; }
  std::int64_t bytes(std::int64_t count) const {
    return main_bytes(layout(), region_bytes(layout(), count, length));
  }
  std::int64_t side(std::int64_t count) const {
    return side_bytes(layout(), region_bytes(layout(), count, length));
  }
};

class AttentionBuilder {
 public:
  AttentionBuilder(const AttentionProblem& problem, const AttentionTiling& tiling)
      : p_(problem), t_(tiling), tiles_(query_tiles(problem.op, tiling)) {}

  Program build();

 private:
  /// One tile of keys of one query tile.
  struct Step {
    std::int64_t group = 0;
    const QueryTile* tile = nullptr;
    KeyRange keys;
    bool is_first = true;            ///< of its query tile
    std::int64_t context_after = 0;  ///< vector jobs that its context waits for
  };

  void place_tensors();
  std::int64_t place(std::int64_t bytes);
  void step(const Step& step);
  void finish_context();
  void push(ComputeOp op, const CacheTensor& cache, const Step& step);
  void load_sinks();
  void load_queries(const Step& step);
  void load_cache(const CacheTensor& cache, const Step& step);
  void results(const Step& step);
  Region query_rows(const Step& step, std::int64_t base, std::int64_t row_bits) const;
  std::int64_t computes() const { return static_cast<std::int64_t>(program_.computes.size()); }
  std::int64_t vectors() const { return static_cast<std::int64_t>(program_.vectors.size()); }
  static std::int64_t slots(const BufferConfig& buffer) { return buffer.double_buffered ? 2 : 1; }
  const BuffersConfig& buffers() const { return p_.context.machine.buffers; }
  bool on_chip() const { return inputs_on_chip(p_.context); }
  std::int64_t cache_slots() const {
    const bool beside = keys_.side(1) > 0 || values_.side(1) > 0;
    return beside ? std::min(slots(buffers().weight), slots(buffers().scale))
                  : slots(buffers().weight);
  }

  const AttentionProblem& p_;
  const AttentionTiling& t_;
  std::vector<QueryTile> tiles_;  ///< of a group
  Program program_;
  CacheTensor keys_, values_;
  std::int64_t end_ = 0, queries_ = 0, query_scales_ = 0, sinks_ = 0, output_ = 0;  // addresses
  Step open_;  ///< whose context is not issued yet
  bool has_open_ = false;
  std::vector<std::int64_t> score_jobs_;    ///< vectors done behind the scores of each step
  std::vector<std::int64_t> contexts_;      ///< computes released behind the context of each step
  std::vector<std::int64_t> queries_used_;  ///< computes released behind each query tile's scores
  std::int64_t results_ = 0;
};

std::int64_t AttentionBuilder::place(std::int64_t bytes) {
  const std::int64_t start = end_;
  end_ = align(end_ + bytes, tensor_alignment(p_.context.memory.burst_bytes));
  return start;
}

void AttentionBuilder::place_tensors() {
  const Attention& op = p_.op;
  const StorageLayout& queries = p_.scores.path.activations.layout;
  const StorageLayout& output = p_.context.path.output.layout;
  const std::int64_t rows = op.scores.batch * op.queries();
  const std::int64_t in = main_bytes(queries, region_bytes(queries, rows, op.key_dim()));
  const std::int64_t out = main_bytes(output, region_bytes(output, rows, op.value_dim()));
  check_activation_memory(p_.context, in, out);
  queries_ = place(in);
  query_scales_ = place(rows * input_scale_record_bits(p_.scores) / 8);
  const std::int64_t page = p_.context.kv_page;
  const std::int64_t rows_of_group = align(op.keys(), std::max<std::int64_t>(1, page));
  keys_ = {&p_.scores, rows_of_group, op.key_dim()};
  values_ = {&p_.context, rows_of_group, op.value_dim()};
  for (CacheTensor* cache : {&keys_, &values_}) {
    cache->base = place(op.groups() * cache->bytes(cache->rows));
    cache->scales_base = place(op.groups() * cache->side(cache->rows));
    if (page > 0)
      cache->pages =
          Pages::scattered(cache->base, cache->bytes(page), cache->rows / page, op.groups());
  }
  sinks_ = place(sink_bytes(op));
  output_ = place(out);
  program_.dram_footprint = Bytes(end_);
  if (end_ > p_.context.memory.capacity.value)
    throw input_error(fmt::format("the layer's tensors take {} B, the DRAM holds {} B", end_,
                                  p_.context.memory.capacity.value));
}

/// The same queries of some heads, which lie head after head.
Region AttentionBuilder::query_rows(const Step& s, std::int64_t base, std::int64_t row_bits) const {
  const Attention& op = p_.op;
  const std::int64_t head = s.group * op.shared() + s.tile->h0;
  Region r;
  r.base_bits = base * 8 + (head * op.queries() + s.tile->q0) * row_bits;
  r.run_bits = (s.tile->q1 - s.tile->q0) * row_bits;
  r.strides[3] = {s.tile->h1 - s.tile->h0, op.queries() * row_bits};
  r.merge();
  return r;
}

/// Scores of no key stay in the scale buffer.
void AttentionBuilder::load_sinks() {
  const std::int64_t bytes = sink_bytes(p_.op);
  if (bytes == 0) return;
  LoadOp op;
  op.tensor = Tensor::kBiases;
  op.region = Region::contiguous(sinks_, bytes);
  op.sram_bits = bytes * 8;
  program_.input_loads.push_back(op);
}

void AttentionBuilder::load_queries(const Step& s) {
  const StorageLayout& layout = p_.scores.path.activations.layout;
  const auto fill = static_cast<std::int64_t>(queries_used_.size());
  const std::int64_t reused = fill - slots(buffers().input);
  const auto load = [&](Tensor tensor, std::int64_t base, std::int64_t row_bits) {
    if (row_bits == 0) return;
    LoadOp op;
    op.tensor = tensor;
    op.region = query_rows(s, base, row_bits);
    op.sram_bits = op.region.bits();
    if (on_chip()) op.region = {}, op.sram_bits = 0;
    if (reused >= 0) op.releases_needed = queries_used_[static_cast<std::size_t>(reused)];
    program_.input_loads.push_back(op);
  };
  load(Tensor::kInputs, queries_, main_bytes(layout, region_bytes(layout, 1, p_.op.key_dim())) * 8);
  load(Tensor::kScales, query_scales_, input_scale_record_bits(p_.scores));
  queries_used_.push_back(0);
}

/// Consecutive rows of the cache, and their scales ahead of them.
void AttentionBuilder::load_cache(const CacheTensor& cache, const Step& s) {
  const std::int64_t first = s.group * cache.rows + s.keys.first, count = s.keys.count();
  const std::int64_t needed = std::max<std::int64_t>(0, computes() - cache_slots() + 1);
  if (cache.side(count) > 0) {
    LoadOp scales;
    scales.tensor = Tensor::kScales;
    scales.region = Region::contiguous(cache.scales_base + cache.side(first), cache.side(count));
    scales.sram_bits = scales.region.bits();
    scales.releases_needed = needed;
    program_.weight_loads.push_back(scales);
  }
  const MappingProblem& p = *cache.problem;
  LoadOp op;
  op.tensor = Tensor::kWeights;
  op.region = Region::contiguous(cache.base + cache.bytes(first), cache.bytes(count));
  op.region.pages = cache.pages;
  const bool is_keys = &cache == &keys_;
  const std::int64_t n = is_keys ? count : cache.length, k = is_keys ? cache.length : count;
  op.sram_bits = weight_buffer_bytes(p, 1, n, k) * 8;
  if (p.path.weights.dequantized && !dequantizes_at_edge(p)) op.dequantize = count * cache.length;
  op.releases_needed = needed;
  program_.weight_loads.push_back(op);
}

void AttentionBuilder::push(ComputeOp op, const CacheTensor& cache, const Step& s) {
  load_cache(cache, s);
  op.tile.g0 = s.group;
  op.tile.g1 = s.group + 1;
  op.inputs_needed = static_cast<std::int64_t>(program_.input_loads.size());
  op.weights_needed = static_cast<std::int64_t>(program_.weight_loads.size());
  program_.computes.push_back(op);
}

/// The context of the step ahead, while the vector unit works on the scores of this one.
void AttentionBuilder::finish_context() {
  const Step& s = open_;
  const std::int64_t first = s.tile->keys.first;
  ComputeOp op = context_operation(p_, s.tile->rows(), {s.keys.first - first, s.keys.end - first});
  op.vectors_needed = s.context_after;
  push(op, values_, s);
  contexts_.push_back(computes());
}

/// Behind the last context of a query tile.
void AttentionBuilder::results(const Step& s) {
  VectorJob job = results_job(p_, s.tile->rows());
  job.computes_needed = contexts_.back();
  job.stores_needed = std::max<std::int64_t>(0, results_ - slots(buffers().output) + 1);
  program_.vectors.push_back(job);
  const StorageLayout& layout = p_.context.path.output.layout;
  StoreOp store;
  store.region =
      query_rows(s, output_, main_bytes(layout, region_bytes(layout, 1, p_.op.value_dim())) * 8);
  store.sram_bits = store.region.bits();
  if (outputs_on_chip(p_.context)) store.region = {}, store.sram_bits = 0;
  store.outputs_needed = ++results_;
  program_.stores.push_back(store);
}

void AttentionBuilder::step(const Step& s) {
  check_interrupt_after(kTileSteps);
  const auto number = static_cast<std::int64_t>(score_jobs_.size());
  if (s.is_first) load_queries(s);
  ComputeOp scores = scores_operation(p_, s.tile->rows(), s.keys);
  const std::int64_t sums = number - slots(buffers().accumulator);
  if (sums >= 0) scores.vectors_needed = score_jobs_[static_cast<std::size_t>(sums)];
  push(scores, keys_, s);
  queries_used_.back() = computes();
  VectorJob job = scores_job(p_, s.tile->rows(), s.keys.count());
  job.computes_needed = computes();
  if (has_open_) finish_context();
  const std::int64_t reused = number - slots(buffers().input);
  if (reused >= 0) job.releases_needed = contexts_[static_cast<std::size_t>(reused)];
  program_.vectors.push_back(job);
  score_jobs_.push_back(vectors());
  if (!s.is_first) {
    VectorJob rescale = rescale_job(p_, s.tile->rows());
    rescale.computes_needed = contexts_.back();
    program_.vectors.push_back(rescale);
  } else if (has_open_) {
    results(open_);
  }
  open_ = s;
  open_.context_after = vectors();
  has_open_ = true;
}

Program AttentionBuilder::build() {
  require_divided(buffers());
  place_tensors();
  load_sinks();
  program_.products = {std::make_shared<const MappingProblem>(p_.scores),
                       std::make_shared<const MappingProblem>(p_.context)};
  Step s;
  for (s.group = 0; s.group < p_.op.groups(); ++s.group)
    for (const QueryTile& tile : tiles_) {
      s.tile = &tile;
      for (s.keys.first = tile.keys.first; s.keys.first < tile.keys.end;
           s.keys.first = s.keys.end) {
        s.keys.end = std::min(s.keys.first + t_.keys, tile.keys.end);
        s.is_first = s.keys.first == tile.keys.first;
        step(s);
      }
    }
  finish_context();
  results(open_);
  const std::int64_t slots_of_buffer = slots(buffers().weight);
  for (std::int64_t fill = computes() - slots_of_buffer; fill < computes(); ++fill)
    program_.weight_slots_free.push_back(fill + 1);
  return std::move(program_);
}

}  // namespace

Program make_attention_program(const AttentionProblem& problem, const AttentionTiling& tiling) {
  return AttentionBuilder(problem, tiling).build();
}

}  // namespace bitjoule
