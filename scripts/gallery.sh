#!/usr/bin/env bash
# Makes the pictures and pages of docs/gallery.md and the tutorial, which `mkdocs build` takes into
# the site.
# Usage: scripts/gallery.sh [SIM] [DIR]     default: build/release/sim/sim build/gallery
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
sim=${1:-build/release/sim/sim}
out=${2:-build/gallery}
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A sweep's or a run's report, and the named figures of it.
show() {
  local name=$1
  shift
  "$sim" report "$work/$name" -o "$out/$name.html" --quiet
  scripts/plot.py "$work/$name" -o "$work/$name/plots" --formats svg > /dev/null
  for figure in "$@"; do
    cp "$work/$name/plots/$figure.svg" "$out/$name-$figure.svg"
  done
}

"$sim" sweep configs/sweeps/article-machines.yaml -o "$work/machines" --quiet
show machines energy stalls
"$sim" sweep configs/sweeps/llama2-7b-bits-decode.yaml -o "$work/bits" --quiet
show bits pareto
"$sim" sweep configs/sweeps/llama2-7b-token-bits.yaml -o "$work/tokens" --quiet
show tokens energy
"$sim" sweep configs/sweeps/buffers-bits.yaml -o "$work/buffers" --quiet
show buffers lines
"$sim" run configs/runs/resnet50.yaml -o "$work/resnet50" --timeline "$out/resnet50.json" --quiet
show resnet50 roofline layers
