#!/bin/sh
# Compiles an actor into a core module, of which `hydra build` makes a component: sh build.sh OUTPUT.wasm FILE.c …
# Takes HYDRA_CC if it is set, else zig, else clang with a C library for WebAssembly. Further flags: CFLAGS.
set -eu

sdk=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
output=$1
shift

compiler() {
  if [ -n "${HYDRA_CC:-}" ]; then echo "$HYDRA_CC"
  elif command -v zig >/dev/null; then echo "zig cc"
  elif command -v python-zig >/dev/null; then echo "python-zig cc"
  elif python3 -m ziglang version >/dev/null 2>&1; then echo "python3 -m ziglang cc"
  elif echo '#include <string.h>' | clang --target=wasm32-wasi -E - >/dev/null 2>&1; then echo clang
  else
    echo "build.sh: no C compiler for WebAssembly: pip install ziglang==0.17.1, or set HYDRA_CC" >&2
    exit 127
  fi
}

mkdir -p "$(dirname -- "$output")"
# A stack of 64 KiB: some compilers would reserve 16 MiB. 256 KiB in all, so that most turns never grow the memory.
# Names stay, for the backtraces of dead letters.
cc=$(compiler)
# shellcheck disable=SC2086
exec $cc --target=wasm32-wasi -mexec-model=reactor -std=c11 -Os -Wall -Wextra ${CFLAGS:-} \
  -Wl,--strip-debug -Wl,-z,stack-size=65536 -Wl,--initial-memory=262144 \
  -I"$sdk" "$@" "$sdk/hydra.c" "$sdk/json.c" "$sdk/sandbox.c" "$sdk/bindings/full_actor.c" -o "$output"
