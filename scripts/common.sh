# Shared by the scripts: where things are, how a step is announced, how many jobs to run.
# To be sourced, not run.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jobs=${JOBS:-$(nproc)}
cd "$root"

# ccache makes repeated builds quick; nothing depends on it.
if [ -z "${CMAKE_CXX_COMPILER_LAUNCHER:-}" ] && command -v ccache >/dev/null; then
    export CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi

# step TEXT...: one line that says what happens now.
step() {
    printf '%s  %s\n' "$(date +%H:%M:%S)" "$*"
}

# quietly LOG COMMAND...: output goes to a log; when the command fails, its end is shown.
quietly() {
    local log=$1
    shift
    mkdir -p "$(dirname "$log")"
    if ! "$@" >"$log" 2>&1; then
        tail -n 60 "$log"
        printf 'failed: %s\n(the whole log: %s)\n' "$*" "$log" >&2
        return 1
    fi
}
