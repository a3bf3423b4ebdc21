#!/usr/bin/env bash
# Installs the packages that are missing; does nothing, and needs no network, when none is. The names
# are Debian 12's; where Debian 13 or Ubuntu 24.04 has another, it stands behind a bar, and the first
# that is installed, or else that apt knows, is taken; "command:x" is installed where x can be called,
# whoever brought it. The linters are of one version everywhere. Debian 13's CMake files of Boost.MPI
# ask for Boost.Graph, which its package does not bring.
# Usage: scripts/setup.sh [GROUP...]     default: build test browser plot python
set -euo pipefail

declare -A groups=(
  [build]="g++|clang cmake ninja-build pkg-config|pkgconf libsystemc-dev
           libboost1.81-dev|libboost1.88-dev|libboost1.83-dev|libboost-dev
           libboost-json1.81-dev|libboost-json1.88-dev|libboost-json1.83-dev|libboost-json-dev
           libfmt-dev libyaml-dev libcli11-dev libonnx-dev libprotobuf-dev
           libflatbuffers-dev nodejs npm|command:npm"
  [test]="doctest-dev git python3-jsonschema python3-yaml python3-onnx python3-numpy gtkwave groff-base fish zsh
          dpkg-dev file mkdocs mkdocs-material codespell"
  [browser]="chromium|chromium-browser python3-pil"
  [python]="pybind11-dev python3-dev python3-numpy python3-pandas python3-matplotlib python3-pip
            python3-setuptools python3-wheel python3-venv jupyter-nbconvert python3-ipykernel mypy"
  [plot]="python3 python3-matplotlib"
  [ci]="clang-format-14 clang-tidy-14"
  [mpi]="libboost-graph1.88-dev|libboost1.81-dev|libboost1.83-dev
         libboost-mpi1.81-dev|libboost-mpi1.88-dev|libboost-mpi1.83-dev|libboost-mpi-dev openmpi-bin libopenmpi-dev"
  [bench]="libbenchmark-dev"
  [coverage]="gcovr"
)

if (($# == 0)); then
  set -- build test browser plot python
fi

is_installed() {
  [[ $1 == command:* ]] && { command -v "${1#command:}" >/dev/null; return; }
  [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# The first of "a|b" for which the command succeeds; fails where there is none.
first_of() {
  local name
  for name in ${1//|/ }; do
    "${@:2}" "$name" && echo "$name" && return
  done
  return 1
}

# A name that others only mention is shown as nothing, and no error.
apt_knows() { [[ -n $(apt-cache show "$1" 2>/dev/null) ]]; }

missing=()
for group in "$@"; do
  if [[ -z ${groups[$group]:-} ]]; then
    echo "setup: unknown group '$group'; the groups are: ${!groups[*]}" >&2
    exit 2
  fi
  for package in ${groups[$group]}; do
    first_of "$package" is_installed >/dev/null || missing+=("$package")
  done
done
if ((${#missing[@]} == 0)); then
  echo "setup: every package of [$*] is installed"
  exit 0
fi

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
for i in "${!missing[@]}"; do
  names=${missing[i]}
  [[ $names == *"|"* ]] || continue
  if ! missing[i]=$(first_of "$names" apt_knows); then
    echo "setup: apt knows none of $names" >&2
    exit 1
  fi
done
echo "setup: installing ${missing[*]}"
"${apt[@]}" install --yes --no-install-recommends "${missing[@]}"
