#include "core/mapping/stream_key.h"

namespace bitjoule {

SizesKey stream_key(const Tiling& t, Stream stream) {
  switch (stream) {
    case Stream::kInputs:
    case Stream::kInputScales:
      return {{t.groups, t.batch, t.out_rows, t.out_cols, 0, t.input_full_k ? 0 : t.k, 0}};
    case Stream::kWeights:
    case Stream::kWeightScales:
      return {{t.groups, 0, 0, 0, t.n, t.k, 0}};
    case Stream::kBiases:
      return {{t.groups, 0, 0, 0, t.n, 0, 0}};
    case Stream::kOutputs:
      break;
  }
  return {{t.groups, t.batch, t.out_rows, t.out_cols, t.n, 0, 0}};
}

}  // namespace bitjoule
