#!/usr/bin/env bash
# Builds kernel.wasm with clang and lld of Debian 12 (14.0.6), whose output is the same everywhere.
# With --check it compares with the committed file instead.
set -euo pipefail
cd "$(dirname "$0")"

target=kernel.wasm
if [ "${1:-}" = --check ]; then
  target=$(mktemp)
  trap 'rm -f "$target"' EXIT
fi

clang++ --target=wasm32 -std=c++17 -O3 -ffreestanding -fno-exceptions -fno-rtti \
  -ffp-contract=off -msimd128 -mbulk-memory -mnontrapping-fptoint -nostdlib -Wall -Wextra -Werror \
  -Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=65536 -Wl,--max-memory=4294967296 \
  -o "$target" kernel.cpp

if [ "$target" != kernel.wasm ] && ! cmp -s "$target" kernel.wasm; then
  echo 'native/kernel.wasm is not what its sources give; run native/build-wasm.sh' >&2
  exit 1
fi
