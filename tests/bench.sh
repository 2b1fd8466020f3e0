#!/bin/sh
# The end-to-end benchmark: the second half of `just bench`. A host of its own for each durability, in a temporary folder
# below target/, so on the disk that the project is on: asks and latencies by `hydra bench` (whose flags it takes), then
# idle costs, and the time from kill -9 to the next reply. Figures mean something beside each other, on an idle machine.
set -eu
cd "$(dirname "$0")/.."

hydra=$PWD/target/release/hydra
component=sample-actors/target/wasm32-wasip2/release/counter.wasm
idle_seconds=10
mkdir -p target
folder=$(mktemp -d "$PWD/target/bench.XXXXXX")
host=''
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
port=$((20000 + $$ % 20000))
export HYDRA_URL="http://127.0.0.1:$port"

end() {
  if [ -n "$host" ]; then kill -9 "$host" 2>/dev/null || true; fi
  rm -rf "$folder"
}
trap end EXIT
trap 'exit 130' INT TERM HUP

milliseconds() { echo $(($(date +%s%N) / 1000000)); }

start() { # durability
  "$hydra" host --data "$folder/$1" --durability "$1" --http "127.0.0.1:$port" --log warn &
  host=$!
  until "$hydra" ask counter/started get >/dev/null 2>&1 || "$hydra" actor ls --limit 1 >/dev/null 2>&1; do
    kill -0 "$host" 2>/dev/null || { echo "bench: the host ended" >&2 && exit 1; }
    sleep 0.005
  done
}

ticks() { cut -d' ' -f14,15 "/proc/$host/stat" | tr ' ' '+'; }

idle() {
  [ -r "/proc/$host/stat" ] || return 0
  before=$(($(ticks)))
  sleep "$idle_seconds"
  used=$((($(ticks) - before) * 1000 / $(getconf CLK_TCK) / idle_seconds))
  memory=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$host/status")
  echo "idle: $((memory / 1024)) MiB resident, $used ms of CPU a second"
}

for durability in fsync os; do
  printf '\n== durability %s, %s, %s\n' "$durability" "$(uname -srm)" "$(date -u +%Y-%m-%d)"
  start "$durability"
  "$hydra" deploy "$component" --kind counter
  idle
  "$hydra" bench --disk "$folder" "$@"
  kill -9 "$host"
  wait "$host" 2>/dev/null || true
  killed=$(milliseconds)
  start "$durability"
  "$hydra" ask counter/bench-0 get >/dev/null
  echo "kill -9 to the next reply: $(($(milliseconds) - killed)) ms, with the time that two commands take to start"
  kill -TERM "$host"
  wait "$host" || echo "bench: the host ended with $?" >&2
  host=''
done
