// Scales and zero-points as they are stored.
#pragma once

#include <cstdint>

#include "core/numeric/storage.h"

namespace bitjoule {

/// The stored form of a scale (fp32, fp16, bf16: nearest; e8m0: up to a power of two), and back. A
/// positive scale stays positive and finite. Not for kDynamic8 (nf4.h) and kTwoLevel.
std::uint32_t encode_scale(ScaleFormat format, float scale);
float decode_scale(ScaleFormat format, std::uint32_t stored);

/// Of n scales: their stored forms, and the values that those have.
void store_scales(ScaleFormat format, const float* scales, std::int64_t n, std::uint32_t* stored,
                  float* rounded);

/// The values of n scales stored one after the other in whole bytes. Not for kDynamic8.
void load_scales(ScaleFormat format, const std::uint8_t* bytes, std::int64_t n, float* scales);

/// nvfp4: from the largest magnitude of each group the E4M3 codes of the scales and the values they
/// have, and the tensor's own scale, largest / (6 * 448). As TensorRT Model Optimizer has it: a
/// scale that would be 0 is 1.
/// `inverse`: the tensor's is its reciprocal, and divides.
float two_level_scales(bool inverse, float* largest, std::int64_t n, std::uint32_t* stored);
float decode_two_level(bool inverse, float tensor_scale, std::uint32_t stored);
/// Of n scales stored one after the other, the values that they have beside the tensor's.
void load_two_level(bool inverse, float tensor_scale, const std::uint8_t* stored, std::int64_t n,
                    float* scales);

/// MX: 2^(floor(log2(abs_max)) - exponent of the element's largest value), as its E8M0 code;
/// microxcaling's rule. 0 for abs_max = 0.
std::uint32_t mx_shared_exponent(const Format& format, float abs_max);
/// The codes of n groups, of finite largest magnitudes, and the scales that they stand for.
void mx_scales(const Format& format, const float* abs_max, std::int64_t n, std::uint32_t* stored,
               float* scales);

/// The stored form of an offset, whose storage is a float, and back.
std::uint32_t encode_offset(const StorageLayout& layout, float offset);
float decode_offset(const StorageLayout& layout, std::uint32_t stored);

/// The stored form of a zero-point, and back; packed is (zero - min_code - 1) mod 2^bits
/// (GPTQ), or without the 1 (plain, AWQ).
std::uint32_t encode_zero_point(const StorageLayout& layout, std::int32_t zero_point);
std::int32_t decode_zero_point(const StorageLayout& layout, std::uint32_t stored);

}  // namespace bitjoule
