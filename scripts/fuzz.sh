#!/usr/bin/env bash
# Runs the fuzz targets, each for a given time, as many at once as there are cores. What libFuzzer
# finds worth keeping stays in build/fuzz-corpus/TARGET and is where the next run starts, beside
# the seeds in tests/fuzz/corpus/TARGET. An input that breaks something lands in build/fuzz-findings.
#
#   scripts/fuzz.sh [--seconds N] [--seed N] [TARGET]...    (default: 60 seconds each, all targets)
#
# A seed makes libFuzzer try the same inputs in the same order; without one each run is a new one.
source "$(dirname "$0")/common.sh"

seconds=60
seed=0
while [[ "${1:-}" == --* ]]; do
    case "$1" in
        --seconds) seconds=$2 ;;
        --seed) seed=$2 ;;
        *) echo "unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
folder=build/fuzz/tests/fuzz
if [ ! -d "$folder" ] || [ $# -gt 0 ]; then
    quietly build/fuzz/configure.log cmake --preset fuzz
    quietly build/fuzz/build.log cmake --build --preset fuzz --parallel "$jobs" ${1:+--target "$@"}
fi

run_target() {
    local name=$1 seconds=$2 log=build/fuzz-findings/$1.log
    local corpus=build/fuzz-corpus/$name seeds=tests/fuzz/corpus/$name
    mkdir -p "$corpus" build/fuzz-findings
    [ -d "$seeds" ] || seeds=
    local status=0
    "$folder/$name" -max_total_time="$seconds" -seed="$seed" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="build/fuzz-findings/$name-" \
        "$corpus" $seeds >"$log" 2>&1 || status=1
    local runs
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    if [ $status = 0 ]; then
        echo "$name: ${runs:-0} executions in $seconds s, nothing found"
    else
        tail -n 40 "$log"
        echo "$name: FOUND SOMETHING after ${runs:-some} executions; see build/fuzz-findings"
    fi
    return $status
}
export -f run_target
export folder seed

if [ $# -eq 0 ]; then
    mapfile -t targets < <(find "$folder" -maxdepth 1 -type f -perm -u+x -printf '%f\n' | sort)
else
    targets=("$@")
fi
[ ${#targets[@]} -gt 0 ] || { echo "no fuzz targets in $folder" >&2; exit 1; }
step "fuzzing ${#targets[@]} targets for $seconds s each, $jobs at a time"
printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I {} bash -c 'run_target "$@"' - {} "$seconds"
