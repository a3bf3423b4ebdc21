// The number formats, one row each: what `sim list formats` prints and every test iterates over.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/numeric/float_formats.h"

namespace bitjoule {

enum class FormatClass {
  kFloat,    ///< each element stands for itself, no scale
  kInteger,  ///< scale * (code - zero_point); the user chooses granularity and storage of scales
  kScaledFloat,  ///< scale * element; the user chooses granularity and storage of scales
  kCodebook,     ///< scale * table[code]
  kBlock,        ///< scales (and minima) are part of the format
};

struct Format {
  std::string name;
  std::string summary;  ///< one line with the origin of layout and rounding
  FormatClass cls = FormatClass::kFloat;
  /// Of one element's code as stored; where several share bits (tq1_0, iq2_xs), rounded up.
  int bits = 0;
  bool is_signed = true;
  FloatSpec fp;                     ///< of the element, where it is a float (also mxfp4 and so on)
  int min_code = 0, max_code = 0;   ///< integer codes (zero folded in: q4_0 is -8..7); else 0
  std::int64_t group = 0;           ///< elements along k per scale, where the format fixes it
  std::int64_t block_elements = 0;  ///< interleaved blocks (GGML): elements of one block
  std::int64_t block_bytes = 0;     ///< interleaved blocks: bytes of one block, scales included
  int scale_bits = 0;               ///< interleaved: bits of all scales in one block
  int min_bits = 0;                 ///< interleaved: bits of all minima in one block
  bool double_quantized = false;    ///< scales in 8 bits, whose own scale is one per 256 of them
  bool two_level = false;           ///< nvfp4: E4M3 scales, and one in fp32 for the tensor
  bool progressive = false;         ///< qoq4: codes stand for int8 by integers of their group
  bool mean_scale = false;          ///< ternary, binary: the scale is mean |x|
  /// Codes that stand for integers of a table (iq4_nl: -127..113): its type ("lut16"), which the
  /// dequantizer reads once for `lookup_elements`, also on the way to an integer MAC.
  std::string lookup;
  std::int64_t lookup_elements = 1;
  int operand_bits = 0;    ///< of those integers; 0: as many as the code
  bool has_values = true;  ///< false: sizes and operations are known, the table is not

  bool is_float_element() const { return fp.exponent_bits != 0; }
  bool is_interleaved() const { return block_bytes != 0; }
  /// Interleaved: bits of all codes in one block.
  std::int64_t block_code_bits() const { return 8 * block_bytes - scale_bits - min_bits; }
};

/// All formats, in the order of the documentation.
const std::vector<Format>& formats();

/// The row of that name. Throws an input Error that lists the valid names, nearest first.
const Format& find_format(const std::string& name);

/// `unknown <what> "<name>"; valid, nearest first: ...`
Error unknown_name_error(const std::string& what, const std::string& name,
                         std::vector<std::string> valid);

}  // namespace bitjoule
