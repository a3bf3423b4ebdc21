// FST waveforms, GTKWave's compressed format, by GTKWave's own converter.
#pragma once

#include <string>

namespace bitjoule {

/// Throws an input Error that names the package where `vcd2fst` is not found.
void require_fst_converter();

/// A value change dump as an FST file. The same dump gives the same bytes. Throws an Error where
/// the converter fails.
std::string fst_bytes(const std::string& vcd);

}  // namespace bitjoule
