#include "hw/memory_arbiter.h"

#include <algorithm>

namespace bitjoule {
namespace {

Femtoseconds now() { return to_femtoseconds(sc_core::sc_time_stamp()); }
sc_core::sc_time until(Femtoseconds at) {
  return to_sc_time(std::max(at - now(), Femtoseconds(0)));
}

}  // namespace

MemoryArbiter::MemoryArbiter(sc_core::sc_module_name name)
    : sc_module(name), from_initiators("from_initiators"), to_memory("to_memory") {
  use_femtosecond_resolution();
  from_initiators.register_nb_transport_fw(this, &MemoryArbiter::nb_transport_fw);
  from_initiators.register_b_transport(this, &MemoryArbiter::b_transport);
  from_initiators.register_transport_dbg(this, &MemoryArbiter::transport_dbg);
  from_initiators.register_get_direct_mem_ptr(this, &MemoryArbiter::get_direct_mem_ptr);
  to_memory.bind(*this);
  SC_HAS_PROCESS(MemoryArbiter);
  SC_METHOD(pass_on);
  sensitive << due_;
  dont_initialize();
}

tlm::tlm_sync_enum MemoryArbiter::nb_transport_fw(int initiator, tlm::tlm_generic_payload& payload,
                                                  tlm::tlm_phase& phase, sc_core::sc_time& delay) {
  if (phase != tlm::BEGIN_REQ) return to_memory->nb_transport_fw(payload, phase, delay);
  sources_[&payload] = {initiator, nullptr};
  const Femtoseconds at = now() + to_femtoseconds(delay);
  const bool is_next = at <= now() || at < next_foreign_activity(now());
  if (passing_ || offered_ != nullptr || !waiting_.empty() || !is_next) {
    queue(payload, at);
    return tlm::TLM_ACCEPTED;
  }
  delay = std::max(delay, until(free_));  // as if it were alone
  const tlm::tlm_sync_enum status = offer(payload, phase, delay);
  if (status == tlm::TLM_COMPLETED || phase == tlm::BEGIN_RESP) sources_.erase(&payload);
  return status;
}

tlm::tlm_sync_enum MemoryArbiter::offer(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                        sc_core::sc_time& delay) {
  offered_ = &payload;
  const tlm::tlm_sync_enum status = to_memory->nb_transport_fw(payload, phase, delay);
  if (status == tlm::TLM_ACCEPTED) return status;  // END_REQ comes, or came within the call
  offered_ = nullptr;
  free_ = now() + to_femtoseconds(delay);
  return status;
}

void MemoryArbiter::b_transport(int, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  sc_core::sc_event done;
  sources_[&payload] = {kBlocking, &done};
  queue(payload, now() + to_femtoseconds(delay));
  wait(done);
  delay = sc_core::SC_ZERO_TIME;
}

unsigned int MemoryArbiter::transport_dbg(int, tlm::tlm_generic_payload& payload) {
  return to_memory->transport_dbg(payload);
}

/// Those of the same time keep the order in which they came. They are passed on in a process of
/// their own when the time has come, behind whoever still has a word in it.
void MemoryArbiter::queue(tlm::tlm_generic_payload& payload, Femtoseconds at) {
  const auto later = [](Femtoseconds time, const Waiting& other) { return time < other.at; };
  waiting_.insert(std::upper_bound(waiting_.begin(), waiting_.end(), at, later), {&payload, at});
  if (!passing_ && offered_ == nullptr) due_.notify(until(waiting_.front().at));
}

void MemoryArbiter::pass_on() {
  passing_ = true;
  while (offered_ == nullptr && !waiting_.empty() && waiting_.front().at <= now()) {
    tlm::tlm_generic_payload& payload = *waiting_.front().payload;
    waiting_.pop_front();
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_core::sc_time delay = until(free_);
    const tlm::tlm_sync_enum status = offer(payload, phase, delay);
    if (status != tlm::TLM_ACCEPTED) answer(payload, status, phase, delay);
  }
  passing_ = false;
  if (offered_ == nullptr && !waiting_.empty()) due_.notify(until(waiting_.front().at));
}

/// Tells an initiator what the memory said at once.
void MemoryArbiter::answer(tlm::tlm_generic_payload& payload, tlm::tlm_sync_enum status,
                           tlm::tlm_phase phase, sc_core::sc_time delay) {
  if (status == tlm::TLM_COMPLETED) phase = tlm::BEGIN_RESP;
  const bool ends = phase == tlm::BEGIN_RESP;
  const tlm::tlm_sync_enum said = tell(payload, phase, delay);
  if (!ends || status == tlm::TLM_COMPLETED || said == tlm::TLM_ACCEPTED) return;
  phase = tlm::END_RESP;
  to_memory->nb_transport_fw(payload, phase, delay);
}

tlm::tlm_sync_enum MemoryArbiter::tell(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) {
  const auto found = sources_.find(&payload);
  const Source source = found->second;
  if (phase == tlm::BEGIN_RESP) sources_.erase(found);
  if (source.initiator != kBlocking)
    return from_initiators[source.initiator]->nb_transport_bw(payload, phase, delay);
  if (phase == tlm::BEGIN_RESP) source.done->notify(delay);
  return phase == tlm::BEGIN_RESP ? tlm::TLM_COMPLETED : tlm::TLM_ACCEPTED;
}

tlm::tlm_sync_enum MemoryArbiter::nb_transport_bw(tlm::tlm_generic_payload& payload,
                                                  tlm::tlm_phase& phase, sc_core::sc_time& delay) {
  const bool accepts = &payload == offered_;  // a response to it says so, too
  if (accepts) {
    offered_ = nullptr;
    free_ = now() + to_femtoseconds(delay);
  }
  const tlm::tlm_sync_enum said = tell(payload, phase, delay);
  if (accepts && !passing_ && !waiting_.empty())
    due_.notify(until(std::max(waiting_.front().at, free_)));
  return said;
}

}  // namespace bitjoule
