#!/usr/bin/env bash
# Installs what is missing, builds with MPI, and runs every test. The last line counts them.
# Usage: scripts/test.sh [PRESET]     default: release
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset=${1:-release}

scripts/setup.sh build test browser plot python mpi
echo "test: building preset '$preset'"
python=ON
[[ $preset == asan-ubsan ]] && python=OFF # their runtimes must be there first: Python has none
cmake --preset "$preset" -DBITJOULE_MPI=ON -DBITJOULE_PYTHON="$python" >/dev/null
cmake --build --preset "$preset"
echo "test: running the tests"
passed=yes
ctest --preset "$preset" --parallel "$(nproc)" || passed=no

# One ctest entry may hold many cases: doctest and unittest print how many they ran.
awk -v passed="$passed" '
  / Testing: / { entries++ }
  match($0, /\[doctest\] test cases: *[0-9]+/) || match($0, /^Ran [0-9]+ test/) {
    line = substr($0, RSTART, RLENGTH)
    gsub(/[^0-9]/, "", line)
    cases += line
  }
  END {
    outcome = passed == "yes" ? "all passed" : "FAILURES above"
    printf "test: %d test cases in %d ctest entries, %s\n", cases, entries, outcome
    exit passed == "yes" ? 0 : 1
  }' "build/$preset/Testing/Temporary/LastTest.log"
