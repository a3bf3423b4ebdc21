#!/usr/bin/env bash
# The article's experiment: installs what is missing, builds, runs machines A (fp32), B (int8
# weights, dequantized) and C (int8) on four layers, prints the comparison and draws it.
# Usage: scripts/demo.sh [DIR]     results go to DIR (default: out/article)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-out/article}

scripts/setup.sh build test plot
echo "demo: building"
cmake --preset release >/dev/null
cmake --build --preset release --target sim

# Name of the results (scripts/article.py), and where the layer stands.
layers=(
  "filter         layers/article-filter.yaml"
  "resnet50       layers/resnet50-s1b0c2.yaml"
  "llama2-decode  layers/llama2-7b-attention-decode.yaml"
  "llama2-prefill layers/llama2-7b-attention-prefill.yaml"
)
for line in "${layers[@]}"; do
  read -r name layer <<<"$line"
  for machine in a b c; do
    echo "demo: machine ${machine^} on $name"
    build/release/sim/sim run "configs/runs/article-$machine.yaml" --set "layer=$layer" \
      --quiet -o "$out/$name-$machine"
  done
done
/usr/bin/python3 scripts/article.py "$out"
