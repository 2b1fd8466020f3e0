#!/bin/sh
# Tests the Python SDK and the sample actors in Python: format, types, tests, of which one builds a component. Installs what
# builds Python actors first: `./check.sh setup` does only that. It is kept in the repository's .tools, by its versions.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
tools=$here/../../.tools
requirements=$here/requirements.txt
home=$tools/python-$(grep -h == "$requirements" "$here/pyproject.toml" | cksum | cut -d' ' -f1)

if ! [ -f "$home/complete" ]; then
  python3 -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    { echo "python: Python 3.11 or newer with venv is needed: install it, so that python3 is in PATH" >&2; exit 1; }
  echo "python: installing the compiler and checkers into .tools, this once" >&2
  mkdir -p "$tools"
  python3 -m venv --clear "$home"
  (cd "$here" && "$home/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt)
  touch "$home/complete"
fi
# What builds actors: sample-actors/*/actor.toml name it by this path.
ln -sfn "$(basename "$home")" "$tools/python"
[ "${1:-}" = setup ] && exit 0

cd "$here"
samples=$(dirname ../../sample-actors/*/handler.py)
"$home/bin/ruff" format --check --quiet --config pyproject.toml . $samples
"$home/bin/ruff" check --quiet --config pyproject.toml . $samples
"$home/bin/mypy"
"$home/bin/pytest" --quiet tests
for sample in $samples; do
  (cd "$sample" && "$home/bin/mypy" --strict handler.py test_handler.py && "$home/bin/pytest" --quiet)
done
