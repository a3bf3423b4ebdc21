// The DRAM target by the rules of the TLM-2.0 base protocol.
#include <doctest/doctest.h>

#include <functional>
#include <random>

#include "core/error.h"
#include "hw/dram.h"
#include "support/dram_configs.h"
#include "support/dram_initiators.h"

namespace bitjoule::test::dram_tlm_test {
namespace {

constexpr unsigned kSeed = 7;

DramConfig cycle_dram(Femtoseconds clock) {
  CycleDramConfig config = small_dram();
  config.timing.tCK = clock;
  return {"small", config, std::nullopt};
}

std::vector<Access> random_accesses(std::size_t n) {
  std::mt19937 random(kSeed);
  std::vector<Access> accesses(n);
  std::uint64_t address = 0;
  for (Access& a : accesses) {
    address = random() % 3 == 0 ? random() % 512 * 32 : (address + 32) % (512 * 32);
    a = {address, random() % 4 == 0};
  }
  return accesses;
}

/// Two equal DRAMs in one kernel, one initiator of each style: whatever the styles and the other
/// system's events do to the calls, the times are the same.
void compare_styles(std::size_t outstanding) {
  use_femtosecond_resolution();
  const Clock core = Clock::from_frequency(Hertz(700'000'000));
  Dram ahead("ahead", cycle_dram(Femtoseconds(833'000)));
  Dram stepwise("stepwise", cycle_dram(Femtoseconds(833'000)));
  RunAheadInitiator a("a", core, outstanding, 32U, random_accesses(2000));
  EventInitiator b("b", core, outstanding, 32U, random_accesses(2000));
  a.socket.bind(ahead.socket);
  b.socket.bind(stepwise.socket);
  sc_core::sc_start();
  CHECK(a.released == 2000);
  CHECK(a.completed == b.completed);
  const DramStats s = ahead.stats(), t = stepwise.stats();
  CHECK(s.reads + s.writes == 2000);
  CHECK(s.cycles == t.cycles);
  CHECK(s.commands == t.commands);
  CHECK(s.row_conflicts == t.row_conflicts);
  CHECK(s.queued_cycles == t.queued_cycles);
  CHECK(s.latency.mean() == t.latency.mean());
  CHECK(s.bus.turnaround == t.bus.turnaround);
  const DataBusCycles& bus = s.bus;
  CHECK(bus.busy + bus.idle + bus.refresh + bus.activate + bus.turnaround + bus.column == s.cycles);
}

/// Runs a function as a SystemC thread.
class Script : public sc_core::sc_module {
 public:
  tlm::tlm_initiator_socket<> socket;
  Script(sc_core::sc_module_name name, std::function<void(Script&)> run)
      : sc_module(name), socket("socket"), run_(std::move(run)) {
    socket.bind(nothing_);
    SC_HAS_PROCESS(Script);
    SC_THREAD(main);
  }
  bool finished = false;

 private:
  struct Nothing : tlm::tlm_bw_transport_if<> {
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload&, tlm::tlm_phase&,
                                       sc_core::sc_time&) override {
      return tlm::TLM_COMPLETED;
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
  };
  void main() {
    run_(*this);
    finished = true;
  }
  std::function<void(Script&)> run_;
  Nothing nothing_;
};

void b_transport(Script& script, tlm::tlm_command command, std::uint64_t address,
                 unsigned char* data, unsigned bytes, tlm::tlm_response_status expected,
                 bool byte_enables = false) {
  tlm::tlm_generic_payload p;
  unsigned char enable = TLM_BYTE_ENABLED;
  p.set_command(command);
  p.set_address(address);
  p.set_data_ptr(data);
  p.set_data_length(bytes);
  p.set_streaming_width(bytes);
  if (byte_enables) p.set_byte_enable_ptr(&enable);
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  script.socket->b_transport(p, delay);
  CHECK(p.get_response_status() == expected);
}

void run_script(Dram& dram, const std::function<void(Script&)>& run) {
  Script script("script", run);
  script.socket.bind(dram.socket);
  sc_core::sc_start();
  CHECK(script.finished);
}

double now_ns() { return sc_core::sc_time_stamp().to_seconds() * 1e9; }

}  // namespace

TEST_CASE("dram tlm: running ahead or not - many outstanding") {
  MESSAGE("seed " << kSeed);
  compare_styles(64);
}
TEST_CASE("dram tlm: running ahead or not - few outstanding") { compare_styles(3); }
TEST_CASE("dram tlm: running ahead or not - one outstanding") { compare_styles(1); }

TEST_CASE("dram tlm: blocking transport takes the latency of the access") {
  use_femtosecond_resolution();
  Dram dram("dram", cycle_dram(Femtoseconds(1'000'000)));
  run_script(dram, [&](Script& script) {
    b_transport(script, tlm::TLM_READ_COMMAND, 0, nullptr, 32, tlm::TLM_OK_RESPONSE);
    CHECK(now_ns() == doctest::Approx(1 + 9 + 10 + 4));  // closed: tRCD + CL + burst
    const double open = now_ns();
    b_transport(script, tlm::TLM_READ_COMMAND, 32, nullptr, 32, tlm::TLM_OK_RESPONSE);
    CHECK(now_ns() == doctest::Approx(open + 1 + 10 + 4));
    const double many = now_ns();
    b_transport(script, tlm::TLM_READ_COMMAND, 64, nullptr, 4 * 32, tlm::TLM_OK_RESPONSE);
    CHECK(now_ns() == doctest::Approx(many + 1 + 3 * 6 + 10 + 4));  // tCCD_L apart
  });
}

TEST_CASE("dram tlm: data that is passed is kept") {
  use_femtosecond_resolution();
  Dram dram("dram", cycle_dram(Femtoseconds(1'000'000)));
  run_script(dram, [&](Script& script) {
    std::vector<unsigned char> out(64), in(64, 1);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<unsigned char>(3 * i + 1);
    b_transport(script, tlm::TLM_WRITE_COMMAND, 96, out.data(), 64, tlm::TLM_OK_RESPONSE);
    b_transport(script, tlm::TLM_READ_COMMAND, 96, in.data(), 64, tlm::TLM_OK_RESPONSE);
    CHECK(in == out);
    b_transport(script, tlm::TLM_READ_COMMAND, 4096, in.data(), 64, tlm::TLM_OK_RESPONSE);
    CHECK(in == std::vector<unsigned char>(64, 0));
    tlm::tlm_generic_payload peek;
    peek.set_command(tlm::TLM_READ_COMMAND);
    peek.set_address(97);
    peek.set_data_ptr(in.data());
    peek.set_data_length(5);
    CHECK(script.socket->transport_dbg(peek) == 5);
    CHECK(std::equal(in.begin(), in.begin() + 5, out.begin() + 1));
  });
}

TEST_CASE("dram tlm: malformed transactions get their response status") {
  use_femtosecond_resolution();
  Dram dram("dram", cycle_dram(Femtoseconds(1'000'000)));
  const auto capacity = static_cast<std::uint64_t>(dram.capacity().value);
  CHECK(capacity == 4 * 16 * 64 * 4);
  CHECK(dram.burst_bytes() == 32);
  CHECK(dram.peak_bandwidth().value == 8'000'000'000);  // 32 bytes in 4 ns
  run_script(dram, [&](Script& script) {
    const auto read = tlm::TLM_READ_COMMAND;
    b_transport(script, read, capacity, nullptr, 32, tlm::TLM_ADDRESS_ERROR_RESPONSE);
    b_transport(script, read, capacity - 32, nullptr, 64, tlm::TLM_ADDRESS_ERROR_RESPONSE);
    b_transport(script, read, ~0ULL - 31, nullptr, 64, tlm::TLM_ADDRESS_ERROR_RESPONSE);
    b_transport(script, read, 16, nullptr, 32, tlm::TLM_BURST_ERROR_RESPONSE);
    b_transport(script, read, 0, nullptr, 33, tlm::TLM_BURST_ERROR_RESPONSE);
    b_transport(script, read, 0, nullptr, 0, tlm::TLM_BURST_ERROR_RESPONSE);
    b_transport(script, tlm::TLM_IGNORE_COMMAND, 0, nullptr, 32, tlm::TLM_COMMAND_ERROR_RESPONSE);
    b_transport(script, read, 0, nullptr, 32, tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE, true);
    CHECK(now_ns() == 0.0);
  });
}

TEST_CASE("dram tlm: a new epoch closes the banks and starts the counts again") {
  use_femtosecond_resolution();
  Dram dram("dram", cycle_dram(Femtoseconds(1'000'000)));
  run_script(dram, [&](Script& script) {
    b_transport(script, tlm::TLM_READ_COMMAND, 0, nullptr, 32, tlm::TLM_OK_RESPONSE);
    sc_core::wait(999.5, sc_core::SC_NS);  // not at a memory clock edge of the first epoch
    dram.begin_epoch();
    const double start = now_ns();
    b_transport(script, tlm::TLM_READ_COMMAND, 0, nullptr, 32, tlm::TLM_OK_RESPONSE);
    CHECK(now_ns() == doctest::Approx(start + 1 + 9 + 10 + 4));
    CHECK(dram.stats().reads == 1);
    CHECK(dram.stats().cycles == 24);
    CHECK(dram.stats().commands[static_cast<std::size_t>(DramCommand::kRefAll)] == 0);
  });
}

}  // namespace bitjoule::test::dram_tlm_test
