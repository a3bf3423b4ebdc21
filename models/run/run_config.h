// One run: which machine does which layer or network in which numbers, priced by which table.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/dram/config.h"
#include "core/energy/price.h"
#include "core/machine/machine.h"
#include "core/mapping/tiling.h"
#include "core/numeric/tensor_format.h"
#include "core/shared.h"
#include "core/workload/layer.h"
#include "core/workload/network.h"
#include "core/workload/pins.h"
#include "run/tensor_reader.h"

namespace bitjoule {

class OutcomeStore;
class Workers;

/// How much of the output is compared with the oracle.
enum class Verify { kFull, kSample, kOff };

struct RunOptions {
  bool values = true;  ///< compute outputs, not only cycles and counts
  Fidelity fidelity = Fidelity::kFast;
  Verify verify = Verify::kSample;
  std::int64_t seed = 1;  ///< of generated operands
  DramPricing dram_prices = DramPricing::kTable;
  DataEnergy data;          ///< what energy takes notice of in the numbers
  bool share_equal = true;  ///< of equal layers one is simulated; not part of the configuration
  /// Nobody asks what layers cost: any mapping will do that yields the same values; not part of the
  /// configuration.
  bool values_alone = false;
  bool keep_outputs = false;  ///< results carry the output tensor; not part of the configuration
  /// Of the tensors that the run names; not part of the configuration.
  std::shared_ptr<TensorReader> tensors = std::make_shared<TensorReader>();
  /// Layers that have been simulated before; null: none. Not part of the configuration, and without
  /// effect on results.
  std::shared_ptr<OutcomeStore> outcomes = {};
  /// Who simulates layers of a network beside one another; null: nobody. Not part of the
  /// configuration, and without effect on results.
  std::shared_ptr<Workers> workers = {};
};

/// Text generation: a prompt is read at once, then tokens are decoded one by one.
struct Generation {
  std::int64_t prompt = 512;  ///< tokens per sequence
  std::int64_t tokens = 128;  ///< generated per sequence; the first comes out of the prompt's pass
  std::int64_t batch = 1;     ///< sequences
  std::int64_t every = 1;     ///< odd; decoding is simulated every so many tokens
};

/// A network in one of the states that a run takes it through.
struct NetworkPhase {
  std::string name;          ///< "prefill", "decode", or empty
  std::int64_t context = 0;  ///< decode steps of a generation: tokens the last of which is new
  std::int64_t weight = 1;   ///< passes that this one stands for
  Network network;
};

/// What two layers of a network do at once: nothing, or the weights of the next are fetched while
/// one runs.
enum class LayerOverlapMode { kNone, kLayers };

/// Told now and then how much of the work is done (0..1), and what is being done.
using ProgressSink = std::function<void(double share, const std::string& what)>;

/// Data that a network's values are judged by, beside the run (docs/accuracy.md).
struct EvaluationConfig {
  std::string data;  ///< file of tokens, or of inputs
  // Of tokens, for language models.
  std::int64_t window = 256;           ///< tokens read at once
  std::optional<std::int64_t> stride;  ///< tokens from one window to the next; default: window
  std::string tokenizer;               ///< GGUF file that knows how text becomes tokens
  // Of other inputs: value = (element * scale - mean) / deviation.
  std::string labels;  ///< file with the right class of each input; empty: outputs are compared
  std::string layout;  ///< "nchw" or "nhwc": moved to the network's order; empty: as it is
  double scale = 1;
  std::vector<double> mean, deviation;  ///< one, or one per channel; empty: 0 and 1
  // Of both.
  std::int64_t limit = 0;  ///< tokens, or inputs, at most; 0: all
};
struct Evaluation {
  EvaluationConfig config;
  std::string reference_name;  ///< of the network that is the reference; empty: the network itself
  /// The network that reads so many tokens at once, and the one whose float64 values are the
  /// reference; the latter is empty where it is the same.
  std::function<Network(std::int64_t tokens)> network, reference;
  /// The run's network as it is, every repetition a layer of its own: where it reads no tokens.
  std::function<Network()> as_it_is;
};

struct RunConfig {
  std::string name;
  AcceleratorConfig accelerator;
  Shared<DramConfig> dram;  ///< large, and mostly the same in many runs, as are the prices
  Shared<EnergyTable> energy;
  Layer layer;                       ///< where `phases` is empty
  std::vector<NetworkPhase> phases;  ///< one, or those of a generation
  /// Passes over the phase, each on inputs of its own and with the states of the one before.
  std::int64_t steps = 1;
  LayerOverlapMode overlap = LayerOverlapMode::kNone;
  Precision precision;
  RunOptions options;
  MappingPins mapping;
  std::optional<Evaluation> evaluation;
  std::string calibration;         ///< file of a calibration's statistics; empty: none
  std::vector<std::string> notes;  ///< what was set and has no effect, a line each
};

/// What a run is priced by, at its supply, with the parts of its machine that leak.
Prices prices_of(const RunConfig& run);  // run_parts.cpp

/// The decode steps that are simulated, by context, and how many steps each stands for: every step
/// costs the linear interpolation between its neighbours, so that weights sum to tokens - 1. They
/// are whole numbers because each stretch is odd; an even rest is split into one step and an odd
/// one.
std::vector<std::pair<std::int64_t, std::int64_t>> decode_samples(const Generation& generation);

}  // namespace bitjoule
