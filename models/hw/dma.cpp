#include "hw/dma.h"

#include <algorithm>

#include "core/error.h"
#include "core/machine/bound.h"
#include "core/result/tile_trace.h"

namespace bitjoule {
namespace {

constexpr double kBusyMemory = 0.85;  // of its peak

}  // namespace

Dma::Dma(sc_core::sc_module_name name, const CoreClock& clock, const DmaConfig& config)
    : sc_module(name),
      from_sequencer("from_sequencer"),
      to_sequencer("to_sequencer"),
      to_dram("to_dram"),
      clock_(clock),
      config_(config) {
  from_sequencer.bind(*this);
  to_dram.bind(*this);
  for (std::int64_t i = 0; i < config.outstanding; ++i) {
    pool_.push_back(std::make_unique<Request>());
    free_.push_back(pool_.back().get());
  }
  SC_HAS_PROCESS(Dma);
  SC_METHOD(on_usable);
  sensitive << usable_event_;
  dont_initialize();
  SC_METHOD(on_ahead);
  sensitive << ahead_event_;
  dont_initialize();
}

void Dma::start(const LayerRun& run, DramTraffic& traffic, std::int64_t burst_bytes) {
  run_ = run;
  traffic_ = &traffic;
  traffic.burst_bytes = burst_bytes;
  size_ = {burst_bytes, config_.bursts_per_request(burst_bytes)};
  for (const std::unique_ptr<Request>& request : pool_)
    request->set_streaming_width(static_cast<unsigned>(size_.bytes()));
  turn_ = 0;
  last_sent_ = Cycles(-1);
  sent_in_cycle_ = 0;
  usable_.clear();
  const auto begin = [&](Stream& stream, const char* signal) {
    stream.retired = stream.taken = Cycles(0);
    if (run.trace != nullptr) stream.signal = run.trace->add_signal(signal, 16);
  };
  begin(streams_[kInputStream], "dma.input_bursts_in_flight");
  begin(streams_[kWeightStream], "dma.weight_bursts_in_flight");
  begin(streams_[kStoreStream], "dma.output_bursts_in_flight");
  streams_[kAheadStream] = {};
  if (run.next != nullptr) begin(streams_[kAheadStream], "dma.ahead_bursts_in_flight");
  stores_ = 0;
  bursts_before_ = 0;
  ahead_ = {};
  last_ahead_ = accounted_ = Cycles(0);
  requests_sent_ = bursts_moved_ = 0;
  burst_cycles_ = static_cast<double>(burst_bytes) / run.problem->memory.bytes_per_cycle;
  busy_ = {};
  ahead_cycle_ = accepted_ = freed_ = Cycles(-1);
  freed_in_cycle_ = 0;
  if (run.ahead != nullptr) take_over(*run.ahead);
}

Dma::Transfer Dma::transfer_of(const LoadOp& op, Token done, Cycles usable) const {
  Transfer t;
  t.requests = RequestCursor(op.region, size_);
  t.tensor = op.tensor;
  t.done = done;
  t.usable = usable;
  t.sram_bits = op.sram_bits;
  t.elements = t.dequantize = op.dequantize;
  return t;
}

void Dma::load(const LoadOp& op, Token done, Cycles usable) {
  Transfer t = transfer_of(op, done, usable);
  (*traffic_)[op.tensor].read_bytes += op.region.bytes();
  count_load(op);
  if (done != Token::kInputLoaded && bursts_before_ > 0) {
    (*traffic_)[op.tensor].bursts += bursts_before_;
    t.dequantize -= op.dequantize * bursts_before_ / bursts_of(op.region, size_.burst_bytes);
    for (; bursts_before_ > 0; t.requests.next()) bursts_before_ -= t.requests.bursts();
  }
  push(done == Token::kInputLoaded ? kInputStream : kWeightStream, t);
}

void Dma::store(const StoreOp& op, Cycles usable) {
  Transfer t;
  t.requests = RequestCursor(op.region, size_);
  t.tensor = op.tensor;
  t.write = true;
  t.done = Token::kStored;
  t.usable = usable;
  t.sram_bits = op.sram_bits;
  (*traffic_)[op.tensor].write_bytes += op.region.bytes();
  MachineCounts counts;
  count_store(*run_.problem, op, counts);
  to_output_buffer->access(counts.output);
  ++stores_;
  push(kStoreStream, t);
}

void Dma::push(std::size_t stream, const Transfer& transfer) {
  usable_.push_back(transfer.usable);
  Stream& s = streams_[stream];
  s.transfers.push_back(transfer);
  if (s.current == nullptr) find_current(s);
  usable_event_.notify(clock_.until(usable_.front()));
}

void Dma::on_usable() {
  const Cycles now = clock_.now();
  while (!usable_.empty() && usable_.front() <= now) usable_.pop_front();
  if (!usable_.empty()) usable_event_.notify(clock_.until(usable_.front()));
  // A transfer without bytes (a tile that lies in the padding) is done at once.
  for (Stream& stream : streams_) retire(stream);
  fill_window(now);
}

void Dma::fill_window(Cycles now) {
  while (!free_.empty() && take_request(now)) {
  }
  send(now);
  wake_ahead(now);
}

bool Dma::take_request(Cycles now) {
  for (std::size_t i = 0; i < kAheadStream; ++i) {
    Stream& stream = streams_[turn_];
    turn_ = turn_ + 1 < kAheadStream ? turn_ + 1 : 0;
    if (stream.current == nullptr || stream.current->usable > now) continue;
    take_request(stream, now);
    return true;
  }
  return false;
}

void Dma::find_current(Stream& stream) {
  std::size_t& i = stream.issuing;
  while (i < stream.transfers.size() && stream.transfers[i].requests.done()) ++i;
  stream.current = i < stream.transfers.size() ? &stream.transfers[i] : nullptr;
}

void Dma::take_request(Stream& stream, Cycles now) {
  Transfer& transfer = *stream.current;
  Course& course = transfer.course;
  if (course.begin < Cycles(0))
    course.begin = stream.taken = std::max(transfer.usable, stream.taken);
  course.last_taken = stream.taken = now;
  Request* request = free_.back();
  free_.pop_back();
  request->stream = &stream;
  request->transfer = &transfer;
  request->bursts = transfer.requests.bursts();
  request->set_address(static_cast<sc_dt::uint64>(transfer.requests.address()));
  request->set_data_length(static_cast<unsigned>(request->bursts * size_.burst_bytes));
  request->set_command(transfer.write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
  request->set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  transfer.requests.next();
  if (transfer.requests.done()) find_current(stream);
  ++transfer.waiting;
  if (transfer.done == Token::kFetchedAhead) {
    transfer.taken += request->bursts;
    ahead_.all_bursts += request->bursts;
  } else {
    (*traffic_)[transfer.tensor].bursts += request->bursts;
  }
  window_.push(request);
}

void Dma::send(Cycles earliest) {
  while (awaiting_ == nullptr && !window_.empty()) {
    Cycles at = std::max(earliest, last_sent_);
    if (at == last_sent_ && sent_in_cycle_ == config_.requests_per_cycle) at += Cycles(1);
    sent_in_cycle_ = at == last_sent_ ? sent_in_cycle_ + 1 : 1;
    last_sent_ = at;
    Request* request = window_.front();
    window_.pop();
    count_in_flight(*request->stream, request->bursts, at);
    request->sent = at;
    Course& course = request->transfer->course;
    if (course.first_sent < Cycles(0)) {
      course.first_sent = at;
      course.sent_before = requests_sent_;
    }
    course.last_sent = at;
    course.sent = ++requests_sent_;
    awaiting_ = request;
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_core::sc_time delay = clock_.until(at);
    const tlm::tlm_sync_enum status = to_dram->nb_transport_fw(*request, phase, delay);
    if (status == tlm::TLM_ACCEPTED) return;
    const Cycles then = clock_.at_or_after(to_femtoseconds(sc_core::sc_time_stamp() + delay));
    awaiting_ = nullptr;
    earliest = accepted_ = then;
    if (status == tlm::TLM_COMPLETED || phase == tlm::BEGIN_RESP) {
      if (status == tlm::TLM_UPDATED) {
        phase = tlm::END_RESP;
        to_dram->nb_transport_fw(*request, phase, delay);
      }
      complete(*request, then);
    }
  }
}

tlm::tlm_sync_enum Dma::nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                        sc_core::sc_time& delay) {
  const Cycles at = clock_.at_or_after(to_femtoseconds(sc_core::sc_time_stamp() + delay));
  if (phase == tlm::END_REQ) {
    awaiting_ = nullptr;
    accepted_ = at + Cycles(1);
    send(at);
    wake_ahead(at);
    return tlm::TLM_ACCEPTED;
  }
  // A response to the request that still awaits its END_REQ implies it (TLM-2.0, base protocol).
  Request& request = static_cast<Request&>(payload);
  if (awaiting_ == &request) {
    awaiting_ = nullptr;
    accepted_ = at + Cycles(1);
  }
  complete(request, at);
  fill_window(at);
  return tlm::TLM_COMPLETED;
}

void Dma::count_in_flight(Stream& stream, std::int64_t change, Cycles at) {
  in_flight_ += change;
  stream.in_flight += change;
  if (run_.trace != nullptr) run_.trace->change(stream.signal, at, stream.in_flight);
}

void Dma::complete(Request& request, Cycles at) {
  if (request.get_response_status() != tlm::TLM_OK_RESPONSE)
    throw internal_error("dma: the memory answered " + request.get_response_string() +
                         " to address " + std::to_string(request.get_address()));
  Transfer& transfer = *request.transfer;
  --transfer.waiting;
  count_in_flight(*request.stream, -request.bursts, at);
  if (transfer.first_arrival < Cycles(0)) transfer.first_arrival = at;
  transfer.last_bursts =
      at > transfer.last_arrival ? request.bursts : std::max(transfer.last_bursts, request.bursts);
  transfer.last_arrival = std::max(transfer.last_arrival, at);
  Course& course = transfer.course;
  if (course.served++ == 0) {
    course.moved_before = bursts_moved_;
    course.served_before = freed_;
  }
  course.moved = bursts_moved_ += request.bursts;
  course.bursts += request.bursts;
  course.latency += (at - request.sent).value;
  if (transfer.done == Token::kFetchedAhead) last_ahead_ = std::max(last_ahead_, at);
  Stream& stream = *request.stream;
  free_.push_back(&request);
  freed_in_cycle_ = at == freed_ ? freed_in_cycle_ + 1 : 1;
  freed_ = at;
  if (transfer.waiting == 0 && transfer.requests.done()) retire(stream);
}

/// Gives the tokens of transfers that are complete, in the order of the stream.
void Dma::retire(Stream& stream) {
  while (!stream.transfers.empty()) {
    Transfer& t = stream.transfers.front();
    if (t.waiting != 0 || !t.requests.done()) return;
    const Cycles at = std::max({t.last_arrival, t.usable, stream.retired});
    account(t);
    if (t.done == Token::kFetchedAhead) retire_ahead(t, at);
    if (run_.trace != nullptr)
      run_.trace->add(
          kDmaTracks[static_cast<std::size_t>(&stream - streams_.data())],
          std::string(tensor_name(t.tensor)) + ", " + std::to_string(t.sram_bits / 8) + " B",
          t.usable, at);
    if (t.done == Token::kWeightLoaded) to_sequencer->give(Token::kWeightArrived, at);
    if (t.done != Token::kFetchedAhead) {
      stream.retired = t.elements > 0 ? std::max(at, dequantized(t, *run_.problem)) : at;
      to_sequencer->give(t.done, stream.retired);
    }
    stream.transfers.pop_front();
    if (stream.issuing > 0) --stream.issuing;
  }
}

/// What one would have to enlarge for a transfer to be over sooner.
Cause Dma::held_by(const Transfer& t) const {
  const Cause memory = t.write ? Cause::kDramWrite : Cause::kDramRead;
  const Course& c = t.course;
  if (c.served == 0) return memory;
  const auto cycles = [](Cycles from, Cycles to) { return static_cast<double>((to - from).value); };
  const double all = std::max(1.0, cycles(c.begin, t.last_arrival));
  // The memory moves data as good as always from the data ahead on (refreshes and turnarounds cost
  // a real one up to a tenth); or a request waits for others longer than an access of its own
  // takes, or moves data for most of its time: then twice the bandwidth gains more than twice the
  // requests.
  const double flow = std::max(1.0, cycles(std::max(c.begin, c.served_before), t.last_arrival));
  const auto served = static_cast<double>(c.served);
  const double latency = static_cast<double>(c.latency) / served;
  const double data = static_cast<double>(c.bursts) / served * burst_cycles_;
  const double alone = static_cast<double>(run_.problem->memory.latency_cycles) + data;
  if (static_cast<double>(c.moved - c.moved_before) * burst_cycles_ >= kBusyMemory * flow ||
      latency >= 2 * alone || data >= latency * 2 / 3)
    return memory;
  const double sending = cycles(c.first_sent, c.last_sent) + 1;
  const auto possible = sending * static_cast<double>(config_.requests_per_cycle);
  if (2 * sending >= all && static_cast<double>(c.sent - c.sent_before) >= kBoundShare * possible)
    return Cause::kDmaRate;
  return 2 * cycles(c.begin, c.last_taken) >= all ? Cause::kDmaWindow : Cause::kDramLatency;
}

/// Tells what held a transfer that is complete, for the wait that it ends and for the DMA's time.
void Dma::account(const Transfer& t) {
  using Transfers = Attribution::Transfers;
  const Cause cause = held_by(t);
  const bool ahead = t.done == Token::kFetchedAhead;
  if (!ahead)
    run_.attribution->transferred(t.write                         ? Transfers::kResults
                                  : t.done == Token::kInputLoaded ? Transfers::kInputs
                                                                  : Transfers::kWeights,
                                  cause);
  if (t.course.served == 0 || t.last_arrival <= accounted_) return;
  // What comes for the next layer waits for the other streams, not for a place of its own.
  if (!ahead || cause == Cause::kDramRead)
    busy_[cause] += (t.last_arrival - std::max(t.course.begin, accounted_)).value;
  accounted_ = t.last_arrival;
}

Cycles Dma::dequantized(const Transfer& t, const MappingProblem& problem) {
  const std::int64_t last =
      ceil_div(t.last_bursts * size_.burst_bytes * 8, problem.path.weights.code_bits);
  return to_dequantizer->pass_tile(t.dequantize, last, t.first_arrival, t.last_arrival);
}

void Dma::count_load(const LoadOp& op) {
  MachineCounts counts;
  bitjoule::count_load(*run_.problem, op, counts);
  to_input_buffer->access(counts.input);
  to_weight_buffer->access(counts.weight);
  to_scale_buffer->access(counts.scale);
  to_dequantizer->pass(counts.dequantized_weights, 0);
}

}  // namespace bitjoule
