#!/usr/bin/env bash
# Installs the Debian 12 packages that are missing; does nothing, and needs no network, when none is.
# Usage: scripts/setup.sh [GROUP...]     default: build test browser plot python
set -euo pipefail

declare -A groups=(
  [build]="g++ cmake ninja-build pkg-config libsystemc-dev libboost1.81-dev libboost-json1.81-dev
           libfmt-dev libyaml-cpp-dev libcli11-dev libonnx-dev libprotobuf-dev"
  [test]="doctest-dev git python3-jsonschema python3-yaml python3-onnx python3-numpy gtkwave groff-base zsh"
  [browser]="chromium"
  [python]="pybind11-dev python3-dev python3-numpy python3-pandas python3-matplotlib python3-pip
            python3-setuptools python3-wheel python3-venv jupyter-nbconvert python3-ipykernel mypy"
  [plot]="python3 python3-matplotlib"
  [ci]="clang-format-14 clang-tidy-14"
  [mpi]="libboost-mpi1.81-dev openmpi-bin libopenmpi-dev"
  [bench]="libbenchmark-dev"
  [coverage]="gcovr"
)

if (($# == 0)); then
  set -- build test browser plot python
fi
missing=()
for group in "$@"; do
  if [[ -z ${groups[$group]:-} ]]; then
    echo "setup: unknown group '$group'; the groups are: ${!groups[*]}" >&2
    exit 2
  fi
  for package in ${groups[$group]}; do
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ $status == installed ]] || missing+=("$package")
  done
done
if ((${#missing[@]} == 0)); then
  echo "setup: every package of [$*] is installed"
  exit 0
fi

echo "setup: installing ${missing[*]}"
as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "setup: not root and no sudo; as root, run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get --quiet)
"${apt[@]}" update
"${apt[@]}" install --yes --no-install-recommends "${missing[@]}"
