#!/bin/sh
# Brings .venv to a hashed lock, for ./run and ./test: bootstrap.sh run|test
#
# Needs a Python of 3.11 or later and, once, a network. The installer is uv: the one on PATH, or one fetched into
# .boot by pip (a system Python that refuses installs allows that) or through a venv.
# .venv/stamp names what is installed. It says "incomplete" meanwhile, and such a .venv is made again from nothing.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
cd "$root"
wanted=$1
stamp=.venv/stamp
installed=$(cat "$stamp" 2>/dev/null) || installed=none

# The test lock holds all of the run lock: a .venv set up for the tests serves both, and stays so.
case $installed in
"test "*) lock="test" ;;
*) lock=$wanted ;;
esac

say() {
    printf '%s\n' "$*" >&2
}

fail() {
    printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
    exit 2
}

fingerprint() {
    printf '%s %s %s\n' "$lock" "$(cat "locks/$lock.txt" pyproject.toml | cksum)" "$root"
}

install_debian() {
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || return 1
    say "installing $* with apt-get"
    apt-get -qq update >&2 &&
        DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@" >/dev/null
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for name in python3.11 python3 python3.12 python3.13 python3.14; do
        is_new_enough "$name" && command -v "$name" && return
    done
    true
}

# The one file that matters reaches .boot/uv by a rename, so that a stopped download leaves none.
fetch_uv() {
    [ -n "$python" ] || fail "found neither uv nor a Python of 3.11 or later" "install Python 3.11 and run this again"
    say "fetching uv, the installer, into .boot"
    rm -rf .boot
    if "$python" -c 'import pip' 2>/dev/null; then
        "$python" -m pip install -qq --require-hashes --target .boot/new -r locks/uv.txt
    elif "$python" -c 'import ensurepip' 2>/dev/null || install_debian python3-venv; then
        "$python" -m venv .boot/new && .boot/new/bin/python -m pip install -qq --require-hashes -r locks/uv.txt
    else
        fail "$python has neither pip nor venv" "install one (on Debian: apt install python3-venv) and run this again"
    fi || fail "could not fetch uv" "see the message above; this needs a network"
    mv .boot/new/bin/uv .boot/uv
    rm -rf .boot/new
}

# With uv's progress bars on a terminal, and silent elsewhere.
install_into_venv() {
    [ -t 2 ] || set -- --quiet "$@"
    "$uv" pip install --python .venv/bin/python "$@"
}

install_packages() {
    python=$(find_python)
    uv=$(command -v uv) || uv=.boot/uv
    [ -x "$uv" ] || fetch_uv

    case $installed in
    none | *" $root") is_new_enough .venv/bin/python || rm -rf .venv ;;
    *) rm -rf .venv ;;
    esac
    mkdir -p .venv
    echo incomplete >"$stamp"

    [ -x .venv/bin/python ] || "$uv" venv --quiet --allow-existing --python "${python:->=3.11}" .venv ||
        fail "found no Python of 3.11 or later" "install Python 3.11 and run this again"
    say "installing $(grep -c == "locks/$lock.txt") packages into .venv, about 1 GB, with $(.venv/bin/python --version)"
    {
        install_into_venv --require-hashes --no-build -r "locks/$lock.txt" &&
            install_into_venv --offline --no-deps --no-build-isolation --editable .
    } || fail "could not install locks/$lock.txt" "see the message above; this needs a network and 2 GB of disk"
    fingerprint >"$stamp"
    say "ready"
}

find_chromium() {
    command -v chromium || command -v chromium-browser || command -v google-chrome
}

require_chromium() {
    find_chromium >/dev/null || install_debian chromium fonts-liberation && return
    [ "${CI-}" != true ] || fail "found no chromium, and CI skips no tests" "install chromium"
    say "no chromium here: the browser tests will be skipped (on Debian: apt install chromium)"
}

[ "$installed" = "$(fingerprint)" ] || install_packages
[ "$wanted" = run ] || require_chromium
