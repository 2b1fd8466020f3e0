#!/bin/sh
# Checks all that is JavaScript and TypeScript here: types, tests and components of the SDK, the samples and the templates.
#   guest-sdk/js/check.sh
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

# The SDK: its types, the types that authors get, its tests.
sdk() {
  cd "$sdk"
  install .
  npm run --silent check
  npx tsc -p tsconfig.types.json --outDir "$work/types"
  diff -r types "$work/types" >&2 || fail "types/ is not made from src/: npm run types, in guest-sdk/js"
  npm test --silent
}

# The samples: tests and components.
samples() {
  cd "$samples"
  install .
  npm test --silent
  npm run --silent build
}

# Template $1 as the project $2, written as `hydra new` writes it.
template() {
  project=$work/$2
  cp -R "$sdk/$1" "$project"
  mkdir "$project/hydra-sdk"
  for part in package.json README.md bin src types wit; do cp -R "$sdk/$part" "$project/hydra-sdk/"; done
  cd "$project"
  for file in package.json package-lock.json actor.toml README.md test/* scenarios/*; do
    sed "s/{{name}}/$2/g" "$file" >"$work/filled" && cp "$work/filled" "$file"
  done
  install .
  npm test --silent
  npm run --silent build
}

command -v node >/dev/null && command -v npm >/dev/null || fail "node and npm are not in PATH: install Node.js 20 or newer"
sdk
samples
template template check-js
template template-ts check-ts
echo "check: the SDK, the samples and the templates are as they should be" >&2
