#!/bin/sh
# Checks the SDK for JavaScript and TypeScript and the samples: types and tests. `./check.sh setup` only installs what that and
# builds need. Components, scenarios and the templates are tested with the host: tests/e2e.
# Needs node (20 or newer) and npm. Installs into node_modules folders, anew only when a lock file has changed.
# Never writes anything that is checked in; what differs from its source is named, with the command that mends it.
set -eu

sdk=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
samples=$sdk/../../sample-actors
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "check: $*" >&2
  exit 1
}

# Installs the tools of folder $1 as its lock file says.
install() {
  cmp -s "$1/package-lock.json" "$1/node_modules/.lock" && return
  (cd "$1" && npm ci --silent --prefer-offline) || fail "$1: npm ci did not work"
  cp "$1/package-lock.json" "$1/node_modules/.lock"
}

command -v node >/dev/null && command -v npm >/dev/null || fail "node and npm are not in PATH: install Node.js 20 or newer"
install "$sdk"
install "$samples"
[ "${1:-}" = setup ] && exit 0

cd "$sdk"
npm run --silent check
npx tsc -p tsconfig.types.json --outDir "$work/types"
diff -r types "$work/types" >&2 || fail "types/ is not made from src/: npm run types, in guest-sdk/js"
npm test --silent
cd "$samples"
npm test --silent
echo "check: the SDK and the samples are as they should be" >&2
