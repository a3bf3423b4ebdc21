#include "hw/dram.h"

#include <algorithm>
#include <string>

#include "core/error.h"

namespace bitjoule {

Dram::Dram(sc_core::sc_module_name name, const DramConfig& config)
    : sc_module(name),
      socket("socket"),
      memory_model_(config),
      engine_(memory_model_.engine()),
      burst_(static_cast<std::uint64_t>(engine_->burst().value)),
      capacity_(static_cast<std::uint64_t>(engine_->capacity().value)),
      clock_(engine_->clock()),
      horizon_(engine_->clock()),
      port_free_("port_free"),
      wake_("wake") {
  use_femtosecond_resolution();
  socket.bind(*this);
  SC_HAS_PROCESS(Dram);
  SC_METHOD(work);
  sensitive << wake_;
  dont_initialize();
}

void Dram::begin_epoch() {
  if (count_ != 0) {
    throw internal_error(std::string(name()) + ": a new epoch while " + std::to_string(count_) +
                         " transactions are in flight");
  }
  engine_ = memory_model_.engine();
  epoch_ = now();
  last_cycle_ = 0;
}

DramStats Dram::stats() const { return engine_->stats(last_cycle_); }
DramStats Dram::stats(const sc_core::sc_time& until) const {
  return engine_->stats(std::max(last_cycle_, cycle_at_or_after(to_femtoseconds(until))));
}

std::int64_t Dram::cycle_at_or_after(Femtoseconds t) const {
  return clock_.at_or_after(std::max(t - epoch_, Femtoseconds(0))).value;
}

tlm::tlm_response_status Dram::check(const tlm::tlm_generic_payload& payload) const {
  const std::uint64_t bytes = payload.get_data_length();
  const std::uint64_t address = payload.get_address();
  if (!payload.is_read() && !payload.is_write()) return tlm::TLM_COMMAND_ERROR_RESPONSE;
  if (payload.get_byte_enable_ptr() != nullptr) return tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE;
  if (address >= capacity_ || bytes > capacity_ - address) return tlm::TLM_ADDRESS_ERROR_RESPONSE;
  const bool whole = bytes == burst_ || (bytes > 0 && bytes % burst_ == 0);
  if (!whole || address % burst_ != 0 || payload.get_streaming_width() < bytes) {
    return tlm::TLM_BURST_ERROR_RESPONSE;
  }
  return tlm::TLM_OK_RESPONSE;
}

/// Data moves in order of acceptance, so that values never depend on the scheduler.
std::int64_t Dram::offer(const InFlight& transaction, Femtoseconds at) {
  tlm::tlm_generic_payload& payload = *transaction.payload;
  const std::uint64_t address = payload.get_address();
  if (unsigned char* data = payload.get_data_ptr()) {
    if (payload.is_write()) {
      memory_.write(address, data, payload.get_data_length());
    } else {
      memory_.read(address, data, payload.get_data_length());
    }
  }
  if (payload.has_mm()) payload.acquire();
  if (free_tags_.empty()) {
    free_tags_.push_back(in_flight_.size());
    in_flight_.emplace_back();
  }
  const std::uint64_t tag = free_tags_.back();
  free_tags_.pop_back();
  in_flight_[tag] = transaction;
  ++count_;
  DramRequest request;
  request.address = static_cast<std::int64_t>(address);
  request.bytes = payload.get_data_length();
  request.write = payload.is_write();
  request.tag = tag;
  const std::int64_t accepted =
      engine_->offer(request, std::max(cycle_at_or_after(at), last_cycle_));
  offering_ = accepted == kNever;
  wake();
  return accepted;
}

tlm::tlm_sync_enum Dram::nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                         sc_core::sc_time& delay) {
  if (phase == tlm::BEGIN_REQ) return begin_request(payload, phase, delay);
  if (phase == tlm::END_RESP) {
    end_response(payload, now() + to_femtoseconds(delay));
    return tlm::TLM_COMPLETED;
  }
  throw internal_error(std::string(name()) + ": an initiator sent phase " + phase.get_name());
}

inline tlm::tlm_sync_enum Dram::begin_request(tlm::tlm_generic_payload& payload,
                                              tlm::tlm_phase& phase, sc_core::sc_time& delay) {
  if (offering_) {
    throw internal_error(std::string(name()) +
                         ": BEGIN_REQ before the END_REQ of the request "
                         "before it");
  }
  payload.set_response_status(check(payload));
  if (payload.is_response_error()) return tlm::TLM_COMPLETED;
  const std::int64_t accepted = offer({&payload, nullptr}, now() + to_femtoseconds(delay));
  if (accepted == kNever) return tlm::TLM_ACCEPTED;
  phase = tlm::END_REQ;
  delay = std::max(from_now(time_of(accepted)), delay);
  return tlm::TLM_UPDATED;
}

void Dram::end_response(const tlm::tlm_generic_payload& payload, Femtoseconds at) {
  if (&payload != responding_) {
    throw internal_error(std::string(name()) + ": END_RESP without its BEGIN_RESP");
  }
  if (responding_->has_mm()) responding_->release();
  responding_ = nullptr;
  response_free_ = at;
  if (!responses_.empty()) wake();
}

void Dram::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  payload.set_response_status(check(payload));
  if (payload.is_response_error()) return;
  wait(delay);
  ++port_waiters_;
  while (offering_) wait(port_free_);
  --port_waiters_;
  sc_core::sc_event done;
  offer({&payload, &done}, now());
  wait(done);
  delay = sc_core::SC_ZERO_TIME;
}

unsigned int Dram::transport_dbg(tlm::tlm_generic_payload& payload) {
  const std::uint64_t address = payload.get_address();
  if (address >= capacity_ || payload.get_data_ptr() == nullptr) return 0;
  const auto bytes = static_cast<unsigned int>(
      std::min<std::uint64_t>(payload.get_data_length(), capacity_ - address));
  if (payload.is_write()) {
    memory_.write(address, payload.get_data_ptr(), bytes);
  } else if (payload.is_read()) {
    memory_.read(address, payload.get_data_ptr(), bytes);
  }
  return bytes;
}

/// Works ahead of the kernel's time as far as no one else can interfere.
void Dram::work() {
  now_ = now();
  working_ = true;
  DramEvent event;
  for (;;) {
    // Events of this very moment are always due, whoever else is about to run now.
    const Femtoseconds limit = std::max(next_foreign_activity(now_), now_ + Femtoseconds(1));
    const bool answer = responding_ == nullptr && !responses_.empty() && response_free_ < limit;
    const Femtoseconds until = answer ? response_free_ : limit;
    const std::int64_t horizon =
        until == kForever ? kNever
                          : horizon_.at_or_after(std::max(until - epoch_, Femtoseconds(0))).value;
    if (engine_->advance(horizon, &event)) {
      deliver(event);
    } else if (answer) {
      tlm::tlm_generic_payload* const oldest = responses_.front();
      responses_.pop();
      respond(oldest, response_free_);
    } else {
      break;
    }
  }
  working_ = false;
  wake();
}

inline void Dram::deliver(const DramEvent& event) {
  last_cycle_ = event.cycle;
  const Femtoseconds at = time_of(event.cycle);
  tlm::tlm_generic_payload* const payload = in_flight_[event.tag].payload;
  sc_core::sc_event* const done = in_flight_[event.tag].done;
  if (event.kind == DramEvent::Kind::kAccepted) {
    offering_ = false;
    if (port_waiters_ > 0) port_free_.notify(from_now(at));
    if (done == nullptr) send_request_end(*payload, at);
    return;
  }
  free_tags_.push_back(event.tag);
  --count_;
  payload->set_response_status(tlm::TLM_OK_RESPONSE);
  if (done != nullptr) {
    if (payload->has_mm()) payload->release();
    done->notify(from_now(at));
  } else if (responding_ == nullptr && responses_.empty() && response_free_ <= at) {
    respond(payload, at);
  } else {
    responses_.push(payload);
  }
}

inline void Dram::send_request_end(tlm::tlm_generic_payload& payload, Femtoseconds at) {
  tlm::tlm_phase phase = tlm::END_REQ;
  sc_core::sc_time delay = from_now(at);
  socket->nb_transport_bw(payload, phase, delay);
}

/// Sends BEGIN_RESP; the next one waits for its END_RESP.
void Dram::respond(tlm::tlm_generic_payload* payload, Femtoseconds at) {
  responding_ = payload;
  tlm::tlm_phase phase = tlm::BEGIN_RESP;
  sc_core::sc_time delay = from_now(at);
  switch (socket->nb_transport_bw(*payload, phase, delay)) {
    case tlm::TLM_ACCEPTED:
      break;  // END_RESP comes, or came within the call
    case tlm::TLM_UPDATED:
    case tlm::TLM_COMPLETED:
      if (responding_ == payload) end_response(*payload, now() + to_femtoseconds(delay));
      break;
  }
}

void Dram::wake() {
  if (working_) return;
  Femtoseconds at = kForever;
  if (responding_ == nullptr && !responses_.empty()) at = response_free_;
  const std::int64_t next = engine_->next();
  if (next != kNever) at = std::min(at, time_of(next));
  if (at != kForever) wake_.notify(from_now(at));
}

}  // namespace bitjoule
