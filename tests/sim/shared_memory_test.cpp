// Memories outside of an accelerator, and the arbiter by which several initiators share one.
#include <doctest/doctest.h>
#include <tlm_utils/simple_initiator_socket.h>

#include <random>

#include "core/error.h"
#include "core/mapping/mapper.h"
#include "hw/accelerator.h"
#include "hw/memory_arbiter.h"
#include "run/layer_runner.h"
#include "support/dram_configs.h"
#include "support/dram_initiators.h"

namespace bitjoule::test::shared_memory_test {
namespace {

constexpr std::int64_t kMiB = 1 << 20;

DramConfig pipe() { return {"pipe", IdealDramConfig{BytesPerSecond(12'800'000'000)}, {}}; }

struct Prepared {
  MappingProblem problem;
  Program program;
  Prepared(const Accelerator& accelerator, const LayerOp& op)
      : problem(make_problem(AcceleratorConfig(), accelerator.memory(), op, Precision{},
                             MappingPins{})),
        program(make_program(problem, map_layer(problem).tiling)) {}
};

LayerOutcome run(Accelerator& accelerator, const LayerOp& op) {
  const Prepared layer(accelerator, op);
  return accelerator.run(layer.problem, layer.program, nullptr);
}

void compare(const LayerOutcome& outcome, const LayerOutcome& own) {
  CHECK(outcome.cycles.value == own.cycles.value);
  CHECK(outcome.stalls.cycles == own.stalls.cycles);
  CHECK(outcome.counts == own.counts);
  for (std::size_t i = 0; i < kTensors; ++i)
    CHECK(outcome.traffic.tensors[i].bursts == own.traffic.tensors[i].bursts);
}

/// Runs a function as a SystemC thread.
struct Process : sc_core::sc_module {
  Process(sc_core::sc_module_name name, std::function<void()> body)
      : sc_module(name), body_(std::move(body)) {
    SC_HAS_PROCESS(Process);
    SC_THREAD(work);
  }
  void work() { body_(); }
  std::function<void()> body_;
};

struct Processor : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Processor> socket{"socket"};
  explicit Processor(sc_core::sc_module_name name) : sc_module(name) {}
};

/// Accepts a request 4 ns after it comes and answers 10 ns after that; in `seen`, addresses.
struct SlowMemory : sc_core::sc_module, tlm::tlm_fw_transport_if<> {
  tlm::tlm_target_socket<> socket{"socket"};
  std::vector<std::pair<std::int64_t, std::uint64_t>> seen;  // (ns, address)
  tlm::tlm_generic_payload* waiting = nullptr;
  sc_core::sc_event come;

  explicit SlowMemory(sc_core::sc_module_name name) : sc_module(name) {
    socket.bind(*this);
    SC_HAS_PROCESS(SlowMemory);
    SC_THREAD(work);
  }
  void work() {
    for (;;) {
      while (waiting == nullptr) wait(come);
      tlm::tlm_generic_payload& payload = *waiting;
      wait(4, sc_core::SC_NS);
      waiting = nullptr;
      tlm::tlm_phase phase = tlm::END_REQ;
      sc_core::sc_time delay;
      socket->nb_transport_bw(payload, phase, delay);
      payload.set_response_status(tlm::TLM_OK_RESPONSE);
      phase = tlm::BEGIN_RESP;
      delay = sc_core::sc_time(10, sc_core::SC_NS);
      socket->nb_transport_bw(payload, phase, delay);
    }
  }
  tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                     sc_core::sc_time& delay) override {
    if (phase == tlm::END_RESP) return tlm::TLM_COMPLETED;
    REQUIRE(waiting == nullptr);  // none before the END_REQ of the one before
    const sc_core::sc_time at = sc_core::sc_time_stamp() + delay;
    seen.emplace_back(at.value() / 1'000'000, payload.get_address());
    waiting = &payload;
    come.notify(delay);
    return tlm::TLM_ACCEPTED;
  }
  void b_transport(tlm::tlm_generic_payload&, sc_core::sc_time&) override {}
  unsigned int transport_dbg(tlm::tlm_generic_payload&) override { return 7; }
  bool get_direct_mem_ptr(tlm::tlm_generic_payload&, tlm::tlm_dmi&) override { return false; }
};

std::vector<Access> from(std::uint64_t first, std::size_t n) {
  std::vector<Access> accesses(n);
  for (std::size_t i = 0; i < n; ++i) accesses[i].address = first + 64 * i;
  return accesses;
}

}  // namespace

/// A layer on an accelerator with a DRAM of its own; with one of the platform's, bound straight;
/// and with one behind an arbiter.
void compare_memories(const DramConfig& dram) {
  use_femtosecond_resolution();
  const AcceleratorConfig config;
  const MemoryPort port = memory_port(dram, config.clock);
  Accelerator own("own", config, dram, Fidelity::kFast);
  Accelerator straight("straight", config, port, Fidelity::kFast);
  Accelerator arbitrated("arbitrated", config, port, Fidelity::kFast);
  Dram first("first", dram), second("second", dram);
  MemoryArbiter arbiter("arbiter");
  straight.to_dram.bind(first.socket);
  arbitrated.to_dram.bind(arbiter.from_initiators);
  arbiter.to_memory.bind(second.socket);
  for (const LayerOp& op : {LayerOp(Gemm{1, 256, 512}), LayerOp(Gemm{64, 64, 64}),
                            LayerOp(Conv2d{1, 14, 14, 16, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1})}) {
    const LayerOutcome expected = run(own, op);
    CHECK(expected.dram->read_bytes > 0);
    first.begin_epoch();  // in phase with its clock, as one's own is
    compare(run(straight, op), expected);
    CHECK(first.stats().read_bytes == expected.dram->read_bytes);
    CHECK(first.stats().row_hits == expected.dram->row_hits);
    second.begin_epoch();
    const LayerOutcome outcome = run(arbitrated, op);
    compare(outcome, expected);
    CHECK(second.stats().read_bytes == expected.dram->read_bytes);
    CHECK(outcome.dram->read_bytes == 0);  // its owner knows
  }
}

TEST_CASE("shared memory: a pipe of the platform's, straight or behind an arbiter, is as its own") {
  compare_memories(pipe());
}

TEST_CASE("shared memory: so is one with banks and rows") {
  CycleDramConfig cycle = small_dram();
  cycle.organization.rows = 1 << 16;
  compare_memories({"small", cycle, std::nullopt});
}

TEST_CASE("shared memory: two accelerators and a processor share its bandwidth") {
  use_femtosecond_resolution();
  const AcceleratorConfig config;
  const LayerOp op = Gemm{1, 1024, 1024};  // 1 MiB of weights, each used once
  const MemoryPort port = memory_port(pipe(), config.clock);
  Accelerator a("a", config, port, Fidelity::kFast), b("b", config, port, Fidelity::kFast);
  MemoryArbiter arbiter("arbiter");
  Dram memory("memory", pipe());
  tlm::tlm_response_status good{}, bad{};
  sc_core::sc_time answered;
  Processor processor("processor");
  processor.socket.bind(arbiter.from_initiators);
  a.to_dram.bind(arbiter.from_initiators);
  b.to_dram.bind(arbiter.from_initiators);
  arbiter.to_memory.bind(memory.socket);
  Process program("program", [&] {
    sc_core::wait(1, sc_core::SC_US);  // in the midst of it
    tlm::tlm_generic_payload payload;
    payload.set_read();
    payload.set_data_length(64);
    payload.set_streaming_width(64);
    sc_core::sc_time delay;
    processor.socket->b_transport(payload, delay);
    good = payload.get_response_status();
    answered = sc_core::sc_time_stamp() - sc_core::sc_time(1, sc_core::SC_US);
    payload.set_address(std::uint64_t{1} << 60);
    processor.socket->b_transport(payload, delay);
    bad = payload.get_response_status();
  });
  const Prepared layer(a, op);
  a.begin(layer.problem, layer.program, nullptr);
  b.begin(layer.problem, layer.program, nullptr);
  CHECK_THROWS_WITH_AS(a.begin(layer.problem, layer.program, nullptr),
                       "a: a layer is under way: finish() it first", Error);
  sc_core::sc_time first_end;
  Process driver("driver", [&] {
    wait(a.finished());
    first_end = sc_core::sc_time_stamp();
  });
  sc_core::sc_start();
  const LayerOutcome of_a = a.finish(), of_b = b.finish();
  CHECK(good == tlm::TLM_OK_RESPONSE);
  CHECK(bad == tlm::TLM_ADDRESS_ERROR_RESPONSE);
  // 128 + 128 requests of 64 bytes stand before it at 5 ns each, at most, and 100 ns of latency.
  CHECK(answered <= sc_core::sc_time(256 * 5 + 100 + 5, sc_core::SC_NS));
  CHECK(answered >= sc_core::sc_time(100, sc_core::SC_NS));
  CHECK(memory.stats().read_bytes == 2 * (kMiB + 1024) + 64);
  // 12.8 bytes per cycle of 1 ns are both layers' to share: 2 MiB take 163,840 cycles, and none has
  // more than its half until the other is done.
  const std::int64_t first = std::min(of_a.cycles.value, of_b.cycles.value);
  const std::int64_t last = std::max(of_a.cycles.value, of_b.cycles.value);
  CHECK(last >= 2 * kMiB * 10 / 128);
  CHECK(last <= 2 * kMiB * 10 / 128 * 102 / 100);
  CHECK(first >= last * 95 / 100);
  CHECK(of_a.counts.macs == kMiB);
  CHECK(first_end == sc_core::sc_time(static_cast<double>(of_a.cycles.value + 1), sc_core::SC_NS));
}

TEST_CASE("shared memory: an accelerator says when nothing is under way, or not finished") {
  use_femtosecond_resolution();
  Accelerator a("a", AcceleratorConfig(), pipe(), Fidelity::kFast);
  CHECK_THROWS_WITH_AS(a.finish(), "a: no layer is under way: begin() one first", Error);
  const Prepared layer(a, Gemm{1, 64, 64});
  a.begin(layer.problem, layer.program, nullptr);
  CHECK_THROWS_AS(a.finish(), Error);
  sc_core::sc_start();
  CHECK(a.finish().counts.macs == 64 * 64);
}

TEST_CASE("arbiter: requests go on in the order of their times, one at a time") {
  use_femtosecond_resolution();
  const Clock core = Clock::from_frequency(Hertz(1'000'000'000));
  SlowMemory memory("memory");
  MemoryArbiter arbiter("arbiter");
  EventInitiator a("a", core, 8, 64, from(0, 3));
  RunAheadInitiator b("b", core, 8, 64, from(4096, 3));
  a.socket.bind(arbiter.from_initiators);
  b.socket.bind(arbiter.from_initiators);
  arbiter.to_memory.bind(memory.socket);
  sc_core::sc_start();
  // Every 4 ns one is accepted; who has been served asks again behind the other.
  REQUIRE(memory.seen.size() == 6);
  const std::uint64_t first = memory.seen[0].second & 4096;
  for (std::size_t i = 0; i < 6; ++i) {
    CAPTURE(i);
    CHECK(memory.seen[i].first == static_cast<std::int64_t>(4 * i));
    CHECK(memory.seen[i].second == ((i % 2 == 0) == (first == 0) ? 0U : 4096U) + 64 * (i / 2));
  }
  std::vector<std::int64_t> ends = a.completed;
  ends.insert(ends.end(), b.completed.begin(), b.completed.end());
  std::sort(ends.begin(), ends.end());
  CHECK(ends == std::vector<std::int64_t>{14, 18, 22, 26, 30, 34});  // 4 and 10 ns behind each
  tlm::tlm_generic_payload payload;
  CHECK(a.socket->transport_dbg(payload) == 7);
}

TEST_CASE("arbiter: before a DRAM it takes no time") {
  use_femtosecond_resolution();
  const Clock core = Clock::from_frequency(Hertz(700'000'000));
  CycleDramConfig config = small_dram();
  config.timing.tCK = Femtoseconds(833'000);
  std::mt19937 random(3);
  std::vector<Access> accesses(2000);
  for (Access& access : accesses) access = {std::uint64_t{random() % 512} * 32, random() % 4 == 0};
  Dram direct("direct", {"small", config, std::nullopt}),
      behind("behind", {"small", config, std::nullopt});
  MemoryArbiter arbiter("arbiter");
  RunAheadInitiator a("a", core, 12, 32U, accesses);
  EventInitiator b("b", core, 12, 32U, accesses);
  a.socket.bind(direct.socket);
  b.socket.bind(arbiter.from_initiators);
  arbiter.to_memory.bind(behind.socket);
  sc_core::sc_start();
  CHECK(a.completed == b.completed);
  CHECK(direct.stats().commands == behind.stats().commands);
}

}  // namespace bitjoule::test::shared_memory_test
