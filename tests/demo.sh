#!/bin/sh
# The demo: `just demo`. A host is killed with -9 in the middle of its work and started again; nothing is lost, nothing is
# doubled. Needs what `just build samples` builds; works in a temporary folder, on a port of its own, and cleans up.
set -eu
cd "$(dirname "$0")/.."

messages=40
kill_after=15
# The host works in another folder, so its path must be absolute.
case ${CARGO_TARGET_DIR:-} in
  /*) hydra=$CARGO_TARGET_DIR/debug/hydra ;;
  *) hydra=$PWD/${CARGO_TARGET_DIR:-target}/debug/hydra ;;
esac
component=${CARGO_TARGET_DIR:-sample-actors/target}/wasm32-wasip2/release/counter.wasm

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  strong=$(printf '\033[1m') command=$(printf '\033[36m') good=$(printf '\033[32m') bad=$(printf '\033[31m') plain=$(printf '\033[0m')
else
  strong='' command='' good='' bad='' plain=''
fi
say() { printf '\n%s%s%s\n' "$strong" "$*" "$plain"; }
fail() {
  printf '%sdemo failed: %s%s\n' "$bad" "$*" "$plain" >&2
  if [ -s "$folder/host.log" ]; then sed 's/^/  host: /' "$folder/host.log" | tail -n 20 >&2; fi
  exit 1
}

# Nothing of the developer's own set-up reaches the demo: no settings, no token, no proxy, no hydra.toml.
for name in $(env | sed -n 's/^\(HYDRA_[A-Z0-9_]*\)=.*/\1/p'); do unset "$name"; done
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
for built in "$hydra" "$component"; do
  [ -e "$built" ] || { echo "demo: $built is not built: ./just build samples" >&2; exit 1; }
done
folder=$(mktemp -d)
host='' sender=''

# Ends what is left, whatever happened; a signal is an ordinary way out.
end() {
  for process in $sender $host; do kill -9 "$process" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap end EXIT
trap 'exit 130' INT TERM HUP

# Prints a command as one would type it, and runs it.
run() {
  printf '%s$ hydra %s%s\n' "$command" "$*" "$plain"
  "$hydra" "$@" || fail "hydra $1 ended with $?"
}

# Waits until $1 holds, for $2 tenths of a second at most.
await() {
  tenths=$2
  until eval "$1"; do
    tenths=$((tenths - 1))
    [ "$tenths" -gt 0 ] || return 1
    sleep 0.1
  done
}

serves() { "$hydra" actor ls --limit 1 >/dev/null 2>&1; }
runs() { kill -0 "$host" 2>/dev/null; }

# Starts the host on $port; true once it serves.
start() {
  (cd "$folder" && exec "$hydra" host --data "$folder/store" --http "127.0.0.1:$port") >>"$folder/host.log" 2>&1 &
  host=$!
  await 'serves || ! runs' 100 && runs
}

# A port that nobody uses: tried, because asking first proves nothing.
start_on_a_free_port() {
  for try in 1 2 3 4 5; do
    port=$((20000 + ($$ * 7 + try * 1013) % 20000))
    export HYDRA_URL="http://127.0.0.1:$port"
    if ! serves && start; then return; fi
  done
  fail "the host does not start"
}

# One message after the other, each with its own key. Without an acknowledgement the same message goes out again under
# the same key: that is all that a client has to do.
send_all() {
  number=1
  while [ "$number" -le "$messages" ]; do
    await '"$hydra" send counter/alice add 1 --key "demo-$number" >/dev/null 2>&1' 100 || return 1
    echo "$number" >"$folder/acknowledged.new"
    mv "$folder/acknowledged.new" "$folder/acknowledged"
    number=$((number + 1))
  done
}
acknowledged() { cat "$folder/acknowledged" 2>/dev/null || echo 0; }

say "1. A host starts on an empty folder: one process, nothing else to install."
start_on_a_free_port
printf '%s$ hydra host --data %s/store --http 127.0.0.1:%s%s\n' "$command" "$folder" "$port" "$plain"

say "2. A WebAssembly component becomes the kind \"counter\": every counter/NAME is now an actor with durable state."
run deploy "$component" --kind counter

say "3. The actor counter/alice gets a message, and is asked for its value."
run send counter/alice add 5
run ask counter/alice get
echo

say "4. $messages more messages go out, one after the other. In the middle of it the host is killed with -9."
send_all &
sender=$!
await '[ "$(acknowledged)" -ge "$kill_after" ]' 200 || fail "the messages are not acknowledged"
kill -9 "$host"
wait "$host" 2>/dev/null || true
host=''
printf '%s$ kill -9 HOST%s\nkilled after %s acknowledged messages; the client keeps trying\n' "$command" "$plain" "$(acknowledged)"

say "5. The host starts again on the same folder, and the client gets the rest through."
start || fail "the host does not start again"
wait "$sender" || fail "the client did not get its messages through"
sender=''
echo "all $messages messages are acknowledged"

say "6. What does counter/alice say? 5 + $messages is $((5 + messages)): less would be a loss, more a message applied twice."
run ask counter/alice get | tee "$folder/answer"
echo
value=$(tail -n 1 "$folder/answer" | tr -d ' \r\n')
[ "$value" = "$((5 + messages))" ] || fail "the counter says $value, not $((5 + messages))"

say "${good}Nothing was lost, nothing was doubled.$plain"
echo "Next: target/debug/hydra dev sample-actors/counter, and the tour in README.md."
