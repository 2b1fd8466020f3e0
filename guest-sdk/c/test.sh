#!/bin/sh
# Compiles an actor with its tests natively, and runs them: sh test.sh FILE.c …
# Takes CC if it is set, else cc. Further flags: CFLAGS, for example -fsanitize=address,undefined.
set -eu

sdk=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
program=$(mktemp)
trap 'rm -f "$program"' EXIT
# shellcheck disable=SC2086
${CC:-cc} -std=c11 -g -Wall -Wextra ${CFLAGS:-} -I"$sdk" "$@" "$sdk/hydra.c" "$sdk/json.c" "$sdk/hydra_test.c" -o "$program"
"$program"
