#!/usr/bin/env bash
# Installs packages that cpack made into a bare Debian 12, with what they depend on, and uses them
# there: the program, a CMake project with the library and, where it is among them, Python.
# Needs root and debootstrap. DIR is made by it where it does not exist.
# Usage: scripts/bare_debian.sh DIR PACKAGE.deb...
set -euo pipefail
if (($# < 2 || EUID != 0)); then
  echo "bare_debian: as root: scripts/bare_debian.sh DIR PACKAGE.deb..." >&2
  exit 2
fi
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
root=$1
shift

[[ -x $root/bin/sh ]] || debootstrap --variant=minbase bookworm "$root"
rm -rf "$root/srv/bitjoule"
mkdir -p "$root/srv/bitjoule/mine"
cp /etc/resolv.conf "$root/etc/"
cp "$@" "$root/srv/bitjoule/"
cp "$source"/docs/examples/*.cpp "$root/srv/bitjoule/mine/"
cat >"$root/srv/bitjoule/mine/CMakeLists.txt" <<'PROJECT'
cmake_minimum_required(VERSION 3.25)
project(mine CXX)
find_package(bitjoule REQUIRED)
add_executable(machine machine.cpp)
target_link_libraries(machine bitjoule::run)
add_executable(platform platform.cpp)
target_link_libraries(platform bitjoule::run)
PROJECT

# Where a program finds itself.
if ! mountpoint --quiet "$root/proc"; then
  mount -t proc proc "$root/proc"
  trap 'umount "$root/proc"' EXIT
fi
chroot "$root" /bin/bash -euo pipefail <<'INSIDE'
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
cd /srv/bitjoule
apt-get --quiet update
apt-get --quiet install --yes --no-install-recommends --reinstall --allow-downgrades ./*.deb
has() { [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }
mkdir empty && cd empty
bitjoule run quickstart.yaml -o out
bitjoule report out -o report.html
if has libbitjoule-dev; then
  apt-get --quiet install --yes --no-install-recommends g++ cmake ninja-build pkg-config
  cmake -G Ninja -S ../mine -B build
  cmake --build build
  build/machine
  build/platform
  g++ ../mine/machine.cpp -o machine $(pkg-config --cflags --libs bitjoule-run)
  ./machine
fi
if has python3-bitjoule; then
  python3 -c "import bitjoule; print(bitjoule.run('runs/quickstart.yaml'))"
fi
echo "bare_debian: all of it works"
INSIDE
