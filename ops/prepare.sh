# Sourced by `up` and `test`: finds what the project needs, installs what is missing, builds.
# Everything it has to say goes to stderr: stdout belongs to the commands.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
netfold="${CARGO_TARGET_DIR:-$root/target}/release/netfold"
export NETFOLD_STATE="${NETFOLD_STATE:-$root/.netfold}"

say() { printf '%s\n' "$*" >&2; }

give_up() {
    say "netfold: $*"
    exit 1
}

# install WHAT FOR PACKAGE...: Debian packages, as root or by a sudo that asks nothing.
install() {
    local what=$1
    shift
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            as_root=(sudo -n)
        else
            give_up "$what is missing. Install it (Debian and Ubuntu: sudo apt-get install -y $*) and start again."
        fi
    fi
    command -v apt-get >/dev/null || give_up "$what is missing, and this is no Debian or Ubuntu: install it and start again."
    say "Installing $what ($*) …"
    {
        "${as_root[@]}" apt-get update -q &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
    } >&2 || give_up "$what could not be installed: run apt-get install -y $* and start again."
}

need_rust() {
    command -v cargo >/dev/null || PATH="$PATH:$HOME/.cargo/bin"
    command -v cargo >/dev/null ||
        give_up "cargo is missing: install Rust (rustup; the version is in rust-toolchain.toml) and start again."
    command -v cc >/dev/null || install "a C compiler" gcc libc6-dev
}

# Any PostgreSQL whose programs netfold will find; with DATABASE_URL none is needed.
need_postgres() {
    if [ -n "${DATABASE_URL:-}" ]; then return; fi
    local folder
    for folder in "$(pg_config --bindir 2>/dev/null)" /usr/lib/postgresql/*/bin; do
        if [ -x "$folder/initdb" ]; then return; fi
    done
    if command -v initdb >/dev/null && command -v postgres >/dev/null; then return; fi
    install "PostgreSQL" postgresql
}

# need_packages FOLDER: from npm, exactly those of the folder's lock file.
need_packages() {
    local folder="$root/$1" wanted found=""
    wanted=$(sha256sum <"$folder/package-lock.json")
    if [ -f "$folder/node_modules/.netfold-lock" ]; then found=$(<"$folder/node_modules/.netfold-lock"); fi
    if [ "$found" = "$wanted" ]; then return; fi
    command -v node >/dev/null || install "Node.js" nodejs npm
    command -v npm >/dev/null || install "npm" npm
    say "Unpacking the packages of $1 …"
    (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund >&2) ||
        give_up "npm ci failed in $1/: see above; it needs the npm registry."
    printf '%s\n' "$wanted" >"$folder/node_modules/.netfold-lock"
}

# The development L1, the Solidity compiler and libraries.
need_contract_packages() { need_packages contracts; }

need_chromium() {
    local name
    for name in chromium chromium-browser google-chrome; do
        if command -v "$name" >/dev/null; then
            chromium=$(command -v "$name")
            return
        fi
    done
    install "Chromium" chromium
    chromium=$(command -v chromium)
}

# Asks the API all that its document allows, from PyPI: exactly what its requirements pin.
need_schemathesis() {
    local folder="${CARGO_TARGET_DIR:-$root/target}/schemathesis" wanted found=""
    local pinned="$root/api/tests/schemathesis/requirements.txt"
    schemathesis="$folder/bin/schemathesis"
    wanted=$(sha256sum <"$pinned")
    if [ -f "$folder/.netfold-lock" ]; then found=$(<"$folder/.netfold-lock"); fi
    if [ "$found" = "$wanted" ]; then return; fi
    if ! command -v python3 >/dev/null || ! python3 -c 'import ensurepip' 2>/dev/null; then
        install "Python" python3 python3-venv
    fi
    say "Unpacking schemathesis …"
    {
        python3 -m venv --clear "$folder" &&
            "$folder/bin/pip" install -q --disable-pip-version-check --require-hashes \
                --only-binary :all: -r "$pinned"
    } >&2 || give_up "schemathesis could not be installed: see above; it needs PyPI."
    printf '%s\n' "$wanted" >"$folder/.netfold-lock"
}

# Checks the alert rules.
need_promtool() {
    command -v promtool >/dev/null || install "promtool" prometheus
}

# Checks the units.
need_systemd_analyze() {
    command -v systemd-analyze >/dev/null || install "systemd-analyze" systemd
}

build() {
    say "Building (the first time takes some minutes) …"
    (cd "$root" && cargo build --release --locked -p ops --bin netfold >&2) ||
        give_up "the build failed: see above."
}
