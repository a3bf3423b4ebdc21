// LSTM, GRU and RNN as other operators.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "sim/formats/onnx_expand.h"

namespace bitjoule {
namespace {

using Names = std::vector<std::string>;

// Recurrent layers: products of all steps' inputs at once, then step by step.

/// One direction of one of LSTM, GRU and RNN.
class Recurrent {
 public:
  Recurrent(OnnxWriter& w, std::int64_t gates, std::int64_t direction, bool reversed)
      : w_(w), gates_(gates), direction_(direction), reversed_(reversed) {
    const Shape r = w.shape(2);
    Shape x = w.shape(0);
    by_batch_ = w.node.integer("layout", 0) != 0;
    if (by_batch_ && x.size() == 3) std::swap(x[0], x[1]);
    hidden_ = r.size() == 3 ? r[2] : w.node.integer("hidden_size", 1);
    steps_ = x.size() == 3 ? x[0] : 2;  // where only constants are asked for: one with a state
    batch_ = x.size() == 3 ? x[1] : 1;
    if (x.size() != 3 && !x.empty()) w.node.fail("expected sequences with 3 axes");
    if (steps_ > 4096) w.node.fail(fmt::format("a sequence of {} steps", steps_));
  }

  std::int64_t steps() const { return steps_; }
  std::int64_t hidden() const { return hidden_; }
  std::int64_t direction() const { return direction_; }
  /// A state that begins with nothing.
  std::string zeros() {
    w_.check_made({batch_, hidden_});
    return w_.sized_reals(part("zeros"),
                          std::vector<double>(static_cast<std::size_t>(batch_ * hidden_)),
                          {batch_, hidden_});
  }
  /// The step that runs at a turn.
  std::int64_t step(std::int64_t turn) const { return reversed_ ? steps_ - 1 - turn : turn; }
  std::string part(const std::string& what) const {
    return fmt::format("{}{}", direction_ == 0 ? "" : "back.", what);
  }
  std::string part(std::int64_t turn, const char* what) const {
    return part(fmt::format("{}.{}", step(turn), what));
  }

  /// This direction's matrix or vector of an operand.
  std::string own(int operand, const std::string& what) {
    const std::string row = w_.add("Slice", {w_.node.input(operand)}, part(what + ".slice"));
    w_.with("starts", Shape{direction_}).with("ends", Shape{direction_ + 1}).with("axes", Shape{0});
    std::string name = w_.add("Squeeze", {row}, part(what));
    w_.with("axes", Shape{0});
    return name;
  }
  std::string columns(const std::string& of, std::int64_t first, std::int64_t count,
                      std::int64_t axis, const std::string& what) {
    std::string name = w_.add("Slice", {of}, part(what));
    w_.with("starts", Shape{first}).with("ends", Shape{first + count}).with("axes", Shape{axis});
    return name;
  }

  /// Gates of all inputs, [steps, batch, gates * hidden], and what the steps need.
  void begin() {
    const std::int64_t n = gates_ * hidden_;
    weights_ = own(1, "input_weights");
    recurrent_ = own(2, "recurrent_weights");
    if (w_.has(3)) {
      const std::string both = own(3, "biases");
      input_bias_ = columns(both, 0, n, 0, "input_bias");
      recurrent_bias_ = columns(both, n, n, 0, "recurrent_bias");
    }
    const Shape x = w_.shape(0);
    const std::int64_t inputs = x.size() == 3 ? x[2] : -1;
    std::string in_order = w_.node.input(0);
    if (by_batch_) {
      in_order = w_.add("Transpose", {in_order}, part("by_step"));
      w_.with("perm", Shape{1, 0, 2});
    }
    const std::string rows =
        w_.add("Reshape", {in_order, w_.integers(part("rows_shape"), {steps_ * batch_, inputs})},
               part("rows"));
    Names product = {rows, weights_};
    if (!input_bias_.empty()) product.push_back(input_bias_);
    const std::string gates = w_.add("Gemm", product, part("gates"));
    w_.with("transB", std::int64_t{1});
    gates_of_ = w_.add("Reshape", {gates, w_.integers(part("gates_shape"), {steps_, batch_, n})},
                       part("sequence"));
  }

  std::string input_gates(std::int64_t turn) {
    const std::int64_t t = step(turn);
    const std::string one = w_.add("Slice", {gates_of_}, part(turn, "slice"));
    w_.with("starts", Shape{t}).with("ends", Shape{t + 1}).with("axes", Shape{0});
    std::string name = w_.add("Squeeze", {one}, part(turn, "input"));
    w_.with("axes", Shape{0});
    return name;
  }
  /// Rows [first, first + count) of the recurrent weights by h.
  std::string product(std::int64_t turn, const std::string& h, std::int64_t first,
                      std::int64_t count, const char* what) {
    const bool all = count == gates_ * hidden_;
    const auto rows = [&](const std::string& of, const char* behind) {
      const std::string name = fmt::format("{}_{}", what, behind);
      if (all) return of;
      return w_.knows(part(name)) ? w_.name(part(name)) : columns(of, first, count, 0, name);
    };
    Names inputs = {h, rows(recurrent_, "weights")};
    if (!recurrent_bias_.empty()) inputs.push_back(rows(recurrent_bias_, "bias"));
    std::string y = w_.add("Gemm", inputs, part(turn, what));
    w_.with("transB", std::int64_t{1});
    return y;
  }
  /// What no state contributes: the bias alone, or nothing.
  std::string without_state(std::int64_t turn, const std::string& gates) {
    if (recurrent_bias_.empty()) return gates;
    return w_.add("Add", {gates, recurrent_bias_}, part(turn, "sum"));
  }
  const std::string& recurrent_bias() const { return recurrent_bias_; }

  std::string initial(int operand, const char* what) {
    if (!w_.has(operand) || w_.is_zero(operand)) return "";
    if (!by_batch_) return own(operand, what);
    const std::string row =
        w_.add("Slice", {w_.node.input(operand)}, part(fmt::format("{}.slice", what)));
    w_.with("starts", Shape{direction_}).with("ends", Shape{direction_ + 1}).with("axes", Shape{1});
    std::string name = w_.add("Squeeze", {row}, part(what));
    w_.with("axes", Shape{1});
    return name;
  }

  /// [steps, batch, hidden] of the states by step.
  std::string sequence(const Names& by_turn) {
    Names parts(by_turn.size());
    for (std::size_t turn = 0; turn < by_turn.size(); ++turn) {
      const auto t = static_cast<std::int64_t>(turn);
      const std::string one = w_.add("Unsqueeze", {by_turn[turn]}, part(t, "row"));
      w_.with("axes", Shape{0, 1});
      parts[static_cast<std::size_t>(step(t))] = one;
    }
    std::string y = w_.add("Concat", parts, part("states"));
    w_.with("axis", std::int64_t{0});
    return y;  // [steps, 1, batch, hidden]
  }

 private:
  OnnxWriter& w_;
  std::int64_t gates_, direction_, hidden_ = 1, steps_ = 1, batch_ = 1;
  bool reversed_, by_batch_ = false;
  std::string weights_, recurrent_, input_bias_, recurrent_bias_, gates_of_;
};

struct States {
  Names hidden;  ///< by turn
  std::string cell;
};

/// What all three refuse.
void check_recurrent(const OnnxWriter& w, std::int64_t steps) {
  if (!w.has(4)) return;
  const std::optional<Shape> lengths = w.whole(4);
  if (!lengths || std::any_of(lengths->begin(), lengths->end(),
                              [steps](std::int64_t length) { return length != steps; }))
    w.node.fail("sequence_lens of less than all steps are not supported");
}

/// The activations of one direction; ONNX's own where none are stated.
Names activations_of(const OnnxWriter& w, std::int64_t direction, const Names& otherwise) {
  const auto* stated = w.node.find("activations");
  if (stated == nullptr || stated->strings_size() == 0) return otherwise;
  if (w.node.has("activation_alpha") || w.node.has("activation_beta"))
    w.node.fail("constants of its activations are not supported");
  Names names;
  const auto first = static_cast<int>(direction) * static_cast<int>(otherwise.size());
  for (std::size_t i = 0; i < otherwise.size(); ++i) {
    const int at = first + static_cast<int>(i);
    if (at >= stated->strings_size()) w.node.fail("activations: there are too few");
    static const Names kKnown = {"Sigmoid", "Tanh", "Relu", "Softplus", "Softsign"};
    if (std::find(kKnown.begin(), kKnown.end(), stated->strings(at)) == kKnown.end())
      w.node.fail(fmt::format("its activation {} is not supported", stated->strings(at)));
    names.push_back(stated->strings(at));
  }
  return names;
}

/// Of an LSTM with peepholes, a clip, coupled gates or other activations: element by element.
/// Gates i, o, f, c lie in `sum`; `cell` may be empty.
std::pair<std::string, std::string> plain_step(OnnxWriter& w, Recurrent& r, std::int64_t turn,
                                               const std::string& sum, const std::string& cell,
                                               const Names& functions,
                                               const std::string& peepholes) {
  const std::int64_t h = r.hidden();
  const double bound = w.node.real("clip", 0);
  const auto part = [&](const std::string& what) { return r.part(turn, what.c_str()); };
  const auto gate = [&](std::int64_t at, std::int64_t peephole, const std::string& state,
                        const std::string& function, const std::string& what) {
    std::string x = r.columns(sum, at * h, h, 1, fmt::format("{}.{}", turn, what));
    if (peephole >= 0 && !peepholes.empty() && !state.empty()) {
      const std::string name = what + "_peephole";
      const std::string weight = w.knows(r.part(name))
                                     ? w.name(r.part(name))
                                     : r.columns(peepholes, peephole * h, h, 0, name);
      x = w.add("Add", {x, w.add("Mul", {weight, state}, part(what + "_seen"))},
                part(what + "_sum"));
    }
    if (bound > 0) {
      x = w.add("Clip", {x}, part(what + "_clipped"));
      w.with("min", -bound).with("max", bound);
    }
    return w.add(function, {x}, part(what + "_gate"));
  };
  const std::string input = gate(0, 0, cell, functions[0], "i");
  const std::string fresh =
      w.add("Mul", {input, gate(3, -1, "", functions[1], "c")}, part("fresh"));
  std::string state = fresh;
  if (!cell.empty()) {
    const std::string forget =
        w.node.integer("input_forget", 0) != 0
            ? w.add("Sub", {w.number(r.part("one"), 1), input}, part("f_gate"))
            : gate(2, 2, cell, functions[0], "f");
    state = w.add("Add", {w.add("Mul", {forget, cell}, part("kept")), fresh}, part("cell"));
  }
  const std::string output = gate(1, 1, state, functions[0], "o");
  return {w.add("Mul", {output, w.add(functions[2], {state}, part("curved"))}, part("hidden")),
          state};
}

States lstm_states(OnnxWriter& w, Recurrent& r) {
  r.begin();
  States states;
  const std::int64_t h = r.hidden();
  std::string hidden = r.initial(5, "initial_h");
  states.cell = r.initial(6, "initial_c");
  if (hidden.empty() != states.cell.empty())  // the other one is zeros
    (hidden.empty() ? hidden : states.cell) = r.zeros();
  const Names usual = {"Sigmoid", "Tanh", "Tanh"};
  const Names functions = activations_of(w, r.direction(), usual);
  const std::string peepholes = w.has(7) ? r.own(7, "peepholes") : "";
  const bool is_plain = functions != usual || w.has(7) || w.node.real("clip", 0) > 0 ||
                        w.node.integer("input_forget", 0) != 0;
  for (std::int64_t turn = 0; turn < r.steps(); ++turn) {
    const std::string in = r.input_gates(turn);
    if (is_plain) {
      const std::string sum =
          hidden.empty() ? r.without_state(turn, in)
                         : w.add("Add", {in, r.product(turn, hidden, 0, 4 * h, "recurrent")},
                                 r.part(turn, "sum"));
      std::tie(hidden, states.cell) =
          plain_step(w, r, turn, sum, states.cell, functions, peepholes);
    } else if (hidden.empty()) {  // i, o, f, c; the forget gate has nothing to forget
      const std::string sum = r.without_state(turn, in);
      const auto gate = [&](std::int64_t at, const char* op, const char* what) {
        const std::string part = r.columns(sum, at * h, h, 1, fmt::format("{}.{}", turn, what));
        return w.add(op, {part}, r.part(turn, fmt::format("{}_gate", what).c_str()));
      };
      states.cell =
          w.add("Mul", {gate(0, "Sigmoid", "i"), gate(3, "Tanh", "c")}, r.part(turn, "cell"));
      hidden = w.add("Mul",
                     {gate(1, "Sigmoid", "o"), w.add("Tanh", {states.cell}, r.part(turn, "tanh"))},
                     r.part(turn, "hidden"));
    } else {
      const std::string back = r.product(turn, hidden, 0, 4 * h, "recurrent");
      states.cell = w.add("LstmCell", {in, back, states.cell}, r.part(turn, "cell"));
      w.in_domain(kOwnDomain);
      hidden = w.add("LstmHidden", {in, back, states.cell}, r.part(turn, "hidden"));
      w.in_domain(kOwnDomain);
    }
    states.hidden.push_back(hidden);
  }
  return states;
}

States gru_states(OnnxWriter& w, Recurrent& r) {
  r.begin();
  if (w.node.has("clip")) w.node.fail("clip is not supported");
  const Names usual = {"Sigmoid", "Tanh"};
  if (activations_of(w, r.direction(), usual) != usual)
    w.node.fail("its activations are not supported");
  States states;
  const std::int64_t h = r.hidden();
  const bool before = w.node.integer("linear_before_reset", 0) != 0;
  std::string hidden = r.initial(5, "initial_h");
  for (std::int64_t turn = 0; turn < r.steps(); ++turn) {
    const std::string in = r.input_gates(turn);
    if (hidden.empty()) {  // z, r, h
      const auto part = [&](const std::string& of, std::int64_t at, std::int64_t axis,
                            const char* what) {
        return r.columns(of, at * h, h, axis, fmt::format("{}.{}", turn, what));
      };
      const std::string sum = r.without_state(turn, in);
      const std::string z = w.add("Sigmoid", {part(sum, 0, 1, "z")}, r.part(turn, "z_gate"));
      std::string fresh = part(sum, 2, 1, "n");
      if (before && !r.recurrent_bias().empty()) {
        const std::string reset = w.add("Sigmoid", {part(sum, 1, 1, "r")}, r.part(turn, "r_gate"));
        const std::string kept =
            w.add("Mul", {reset, part(r.recurrent_bias(), 2, 0, "n_bias")}, r.part(turn, "kept"));
        fresh = w.add("Add", {part(in, 2, 1, "n_in"), kept}, r.part(turn, "n_sum"));
      }
      const std::string n = w.add("Tanh", {fresh}, r.part(turn, "n_gate"));
      const std::string share =
          w.add("Sub", {w.number(r.part("one"), 1), z}, r.part(turn, "share"));
      hidden = w.add("Mul", {share, n}, r.part(turn, "hidden"));
    } else {
      std::string back = r.product(turn, hidden, 0, 3 * h, "recurrent");
      if (!before) {
        const std::string reset = w.add("GruReset", {in, back, hidden}, r.part(turn, "reset"));
        w.in_domain(kOwnDomain);
        const std::string of_reset = r.product(turn, reset, 2 * h, h, "of_reset");
        back = w.add("Concat", {r.columns(back, 0, 2 * h, 1, fmt::format("{}.zr", turn)), of_reset},
                     r.part(turn, "gates"));
        w.with("axis", std::int64_t{1});
      }
      hidden = w.add("GruHidden", {in, back, hidden}, r.part(turn, "hidden"));
      w.with("linear_before_reset", std::int64_t{before ? 1 : 0}).in_domain(kOwnDomain);
    }
    states.hidden.push_back(hidden);
  }
  return states;
}

States rnn_states(OnnxWriter& w, Recurrent& r) {
  r.begin();
  if (w.node.has("clip")) w.node.fail("clip is not supported");
  const std::string function = activations_of(w, r.direction(), {"Tanh"})[0];
  States states;
  std::string hidden = r.initial(5, "initial_h");
  for (std::int64_t turn = 0; turn < r.steps(); ++turn) {
    const std::string in = r.input_gates(turn);
    const std::string sum =
        hidden.empty() ? r.without_state(turn, in)
                       : w.add("Add", {in, r.product(turn, hidden, 0, r.hidden(), "recurrent")},
                               r.part(turn, "sum"));
    hidden = w.add(function, {sum}, r.part(turn, "hidden"));
    states.hidden.push_back(hidden);
  }
  return states;
}

template <States (*Run)(OnnxWriter&, Recurrent&), int Gates>
void recurrent(OnnxWriter& w) {
  const std::string direction = w.node.text("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional")
    w.node.fail(fmt::format("direction \"{}\" is unknown", direction));
  const std::int64_t count = direction == "bidirectional" ? 2 : 1;
  Names sequences, last, cells;
  for (std::int64_t d = 0; d < count; ++d) {
    Recurrent r(w, Gates, d, direction == "reverse" || d == 1);
    if (w.knows_shape(0)) check_recurrent(w, r.steps());
    const States states = Run(w, r);
    sequences.push_back(r.sequence(states.hidden));
    const auto row = [&](const std::string& of, const char* what) {
      std::string name = w.add("Unsqueeze", {of}, r.part(what));
      w.with("axes", Shape{0});
      return name;
    };
    if (!w.node.output(1).empty()) last.push_back(row(states.hidden.back(), "last_h"));
    if (!w.node.output(2).empty()) cells.push_back(row(states.cell, "last_c"));
  }
  const auto yield = [&](int output, const Names& of, std::int64_t axis, const char* what) {
    if (w.node.output(output).empty()) return;
    const std::string y = w.add(count == 1 ? "Identity" : "Concat", of, what);
    if (count > 1) w.with("axis", axis);
    if (w.node.integer("layout", 0) != 0) {
      w.add("Transpose", {y}, std::string(what) + "_by_batch");
      w.with("perm", output == 0 ? Shape{2, 0, 1, 3} : Shape{1, 0, 2});
    }
    w.to_output(output);
  };
  yield(0, sequences, 1, "y");
  yield(1, last, 0, "y_h");
  yield(2, cells, 0, "y_c");
}

}  // namespace

std::vector<OnnxExpansion> onnx_recurrent_expansions() {
  return {
      {"", "LSTM",
       "activation_alpha:F activation_beta:F activations:S clip:f direction:s "
       "hidden_size:i layout:i input_forget:i",
       recurrent<lstm_states, 4>},
      {"", "GRU",
       "activation_alpha:F activation_beta:F activations:S clip:f direction:s "
       "hidden_size:i layout:i linear_before_reset:i",
       recurrent<gru_states, 3>},
      {"", "RNN",
       "activation_alpha:F activation_beta:F activations:S clip:f direction:s "
       "hidden_size:i layout:i",
       recurrent<rnn_states, 1>},
  };
}

}  // namespace bitjoule
