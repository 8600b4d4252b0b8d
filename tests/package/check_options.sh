#!/usr/bin/env bash
# Every long option that `quantize --help` and the commands' help show stands in the manual page and in each completion,
# and they name none that the program does not have.
#
#   check_options.sh QUANTIZE    (run from the repository's root)
set -euo pipefail
export LC_ALL=C

options_in() {
    grep -oE -e '--[a-z][a-z-]*[a-z]' | sort -u
}

helped=$({ "$1" --help; "$1" types --help; "$1" inspect --help; "$1" verify --help; } | options_in)
[ "$(wc -l <<<"$helped")" -ge 15 ] || { echo "too few options in --help: $helped"; exit 1; }
status=0
compare() {
    local name=$1 difference
    if ! difference=$(diff <(echo "$helped") <(options_in)); then
        printf '%s (< only in --help, > only here):\n%s\n' "$name" "$difference"
        status=1
    fi
}
compare docs/quantize.1 < <(sed 's/\\-/-/g' docs/quantize.1)
compare completions/quantize.bash <completions/quantize.bash
compare completions/_quantize <completions/_quantize
compare completions/quantize.fish < <(sed -n "s/^complete .* -l \([a-z-]*\).*/--\1/p" completions/quantize.fish)
exit $status
