// Many machines in one process: each result is the one that a process of its own would give.
#include "run/machine.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>
#include <set>
#include <stdexcept>
#include <string>
#include <systemc>
#include <vector>

#include "core/error.h"
#include "core/interrupt.h"
#include "core/mapping/components.h"
#include "sim/config/writer.h"
#include "sim/result/result_json.h"
#include "sim/schema/run_file.h"
#include "support/shell.h"

namespace bitjoule::test::machine_test {
namespace {

/// Machines that differ in clock, array, dataflow, DRAM and fidelity, and layers that do.
std::string run_file(int i) {
  static const char* const kDataflows[] = {"ws", "os", "is"};
  static const char* const kDrams[] = {"ideal.yaml", "lpddr5-6400.yaml", "ddr4-3200-x8.yaml"};
  return fmt::format(
      "name: r{}\n"
      "accelerator: {{base: accelerators/edge-16x16.yaml, clock: {} MHz, "
      "array: {{rows: {}, cols: {}, dataflow: {}}}}}\n"
      "dram: {}\n"
      "fidelity: {}\n"
      "layer: {{gemm: {{m: {}, n: {}, k: {}}}}}\n"
      "precision: {{weights: int8, activations: {}}}\n",
      i, 300 + 10 * i, 2 + i % 7, 1 + i % 5, kDataflows[i % 3], kDrams[i / 3 % 3],
      i % 4 == 0 ? "pe" : "fast", 1 + i % 11, 3 + i % 6, 4 + i % 13, i % 2 == 0 ? "int8" : "fp16");
}

RunConfig run_of(const std::string& text) { return read_run(text_source("run.yaml", text)); }

std::string text_of(const RunConfig& run, const Result& result) {
  return json_text(result_json(run, result));
}

/// Runs a function as a SystemC thread of the current context.
struct Process : sc_core::sc_module {
  Process(sc_core::sc_module_name name, std::function<void()> body)
      : sc_module(name), body_(std::move(body)) {
    SC_HAS_PROCESS(Process);
    SC_THREAD(work);
  }
  void work() { body_(); }
  std::function<void()> body_;
};

}  // namespace

TEST_CASE("machine: a hundred in one process give what the program gives, one by one") {
  const TemporaryDirectory dir;
  for (int i = 0; i < 100; ++i) {
    CAPTURE(i);
    const std::string file = write_file(dir, "run.yaml", run_file(i));
    REQUIRE(shell("{sim} run " + file + " --quiet -o " + dir.at("out")).code == 0);
    const RunConfig run = run_of(run_file(i));
    CHECK(test::text_of(dir.at("out/result.json")) == text_of(run, Machine(run).run()));
  }
}

TEST_CASE("machine: two that take turns do not see each other, nor what they ran before") {
  const RunConfig a = run_of(run_file(1)), b = run_of(run_file(32));
  const RunConfig net = run_of(
      "accelerator: edge-16x16.yaml\nnetwork: mlperf-tiny-ad.yaml\nvalues: on\n"
      "precision: {weights: int8, activations: int8}\n");
  const std::string alone_a = text_of(a, Machine(a).run()), alone_b = text_of(b, Machine(b).run());
  const std::string alone_net = text_of(net, Machine(net).run());
  Machine first(a), second(b), third(net);
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    CHECK(text_of(a, first.run()) == alone_a);
    CHECK(text_of(net, third.run()) == alone_net);
    CHECK(text_of(b, second.run()) == alone_b);
    first.run(Layer{"between", Gemm{5, 7, 9}});
    second.run(net.phases.front().network);
  }
}

TEST_CASE("machine: goes on after an error, before the simulation or in the middle of it") {
  const RunConfig run = run_of(run_file(4));
  Machine machine(run);
  const std::string alone = text_of(run, machine.run());
  CHECK_THROWS_AS(machine.run(Layer{"empty", Gemm{0, 1, 1}}), Error);
  CHECK(text_of(run, machine.run()) == alone);
  Trace tiny(true, 10);
  CHECK_THROWS_AS(machine.run(&tiny), Error);
  CHECK(text_of(run, machine.run()) == alone);
}

TEST_CASE("machine: beside a SystemC platform with a resolution and a time of its own") {
  sc_core::sc_simcontext* const before = sc_core::sc_curr_simcontext;
  const RunConfig run = run_of(run_file(2));
  const std::string alone = text_of(run, Machine(run).run());
  CHECK(sc_core::sc_curr_simcontext == before);
  int steps = 0;
  std::string refused;
  Process process("process", [&] {
    for (; steps < 10; ++steps) sc_core::wait(7, sc_core::SC_NS);
    try {
      Machine(run).run();
    } catch (const Error& e) {
      refused = e.what();
    }
    for (; steps < 20; ++steps) sc_core::wait(7, sc_core::SC_NS);
  });
  sc_core::sc_start(20, sc_core::SC_NS);
  CHECK(steps == 2);
  sc_core::sc_simcontext* const theirs = sc_core::sc_curr_simcontext;
  {
    Machine machine(run);
    CHECK(text_of(run, machine.run()) == alone);
    CHECK(sc_core::sc_time_stamp() == sc_core::sc_time(20, sc_core::SC_NS));
    sc_core::sc_start(9, sc_core::SC_NS);
    CHECK(steps == 4);
    CHECK(text_of(run, machine.run()) == alone);
  }
  CHECK(sc_core::sc_curr_simcontext == theirs);
  CHECK(sc_core::sc_get_time_resolution() == sc_core::sc_time(1, sc_core::SC_PS));
  sc_core::sc_start(112, sc_core::SC_NS);
  CHECK(steps == 20);
  CHECK(sc_core::sc_time_stamp() == sc_core::sc_time(141, sc_core::SC_NS));
  CHECK(refused.find("not from within") != std::string::npos);
}

TEST_CASE("components: every action that is counted belongs to a row of the table") {
  std::set<std::string> counted;
  for (const char* precision :
       {"{weights: {format: int4, granularity: per_group, group_size: 32}, activations: fp16}",
        "{weights: int8, activations: {format: int8, granularity: per_token}, output: fp16}"}) {
    const RunConfig run = run_of(
        fmt::format("accelerator: edge-16x16.yaml\nlayer: {{gemm: {{m: 40, n: 40, k: 9000}}}}\n"
                    "values: off\nprecision: {}\n",
                    precision));
    const Result result = Machine(run).run();
    for (const LayerResult& layer : result.layers())
      for (const Action& action : layer.counts) counted.insert(action.component);
  }
  const RunConfig unified = run_of(
      "accelerator: edge-32x32-unified.yaml\nlayer: {gemm: {m: 8, n: 8, k: 8}}\nvalues: off\n"
      "precision: {weights: int8, activations: int8}\n");
  const Result with_unified = Machine(unified).run();
  for (const Action& action : with_unified.layer().counts) counted.insert(action.component);
  std::set<std::string> known;
  for (const ComponentRow& row : machine_components()) {
    CHECK((row.buffer != nullptr) == (row.config != nullptr));
    CHECK((row.buffer != nullptr) == (row.counts != nullptr));
    CHECK(known.insert(row.name).second);
  }
  CHECK(counted == known);  // nothing is counted that the table has not, and the other way round
  CHECK_THROWS_AS(machine_component("weights_buffer"), Error);
}

TEST_CASE("machine: another configuration, and what was interrupted, leave it as new") {
  const RunConfig first = run_of(run_file(1));
  RunConfig second = first;
  second.precision.weights.format = "q8_0";
  second.layer.op = Gemm{2, 8, 32};
  Machine machine(first);
  const std::string alone = text_of(second, Machine(second).run());
  machine.configure(second);
  {
    int checks = 0;
    const InterruptScope scope([&] {
      if (++checks == 3) throw std::runtime_error("enough");
    });
    CHECK_THROWS(machine.run());
  }
  CHECK(text_of(second, machine.run()) == alone);
  RunConfig third = run_of(run_file(2));  // its machine is another: that part stays
  third.accelerator.array.rows = 7;
  machine.configure(third);
  CHECK(machine.config().accelerator.array.rows == first.accelerator.array.rows);
}

}  // namespace bitjoule::test::machine_test
