// Mixes as texts.
#pragma once

#include <optional>
#include <string>

#include "sim/tune/tune.h"

namespace bitjoule {

/// A mix as a flow of YAML, for a run's `mix`.
std::string mix_flow(const TuneSettings& settings, const TuneResult& result, const Mix& mix);

/// Whether a format says what activations are stored as.
bool has_activations(const std::string& format);

/// A number with spaces around it; nothing for other texts.
std::optional<double> budget_number(const std::string& text);

}  // namespace bitjoule
