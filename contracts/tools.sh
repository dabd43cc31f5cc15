# Sourced by the scripts here, in this folder: installs the pinned packages if they are not there yet
# and sets $forge to the binary itself (its launcher costs half a second a call).
if ! command -v npm >/dev/null; then
    echo "npm is not installed: on Debian, apt-get install -y nodejs npm" >&2
    exit 1
fi
# npm records what it installed; another lock file means that it has to install again.
if ! cmp -s package-lock.json node_modules/.installed-lock.json; then
    npm ci --ignore-scripts --no-fund --no-audit --loglevel=error
    cp package-lock.json node_modules/.installed-lock.json
fi
forge="${FORGE:-$(compgen -G 'node_modules/@foundry-rs/forge-*/bin/forge' | head -n 1 || true)}"
if [[ -z "$forge" || ! -x "$forge" ]]; then
    echo "no forge binary for this platform among the packages: set FORGE to one of version 1.7.1" >&2
    exit 1
fi
