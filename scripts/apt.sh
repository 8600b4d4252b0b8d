# What the scripts know about apt. To be sourced, not run.

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

is_bookworm() {
    [ "$(. /etc/os-release && echo "${ID:-}-${VERSION_CODENAME:-}")" = debian-bookworm ]
}

# Debian 12 has Catch2 3 in its backports only. The entry for them is the system's own main entry
# with the suite's name changed, so that a mirror stays the mirror in use.
backports_entry() {
    local suite=$1 file
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -f "$file" ] || continue
        awk -v suite="$suite" '
            BEGIN { RS = ""; FS = "\n" }
            {
                entry = ""; wanted = 0; usable = 1
                for (i = 1; i <= NF; i++) {
                    if ($i ~ /^#/) continue
                    if ($i ~ /^Types:/ && $i !~ /(^|[ :])deb( |$)/) usable = 0
                    if (tolower($i) ~ /^enabled:[ ]*no/) usable = 0
                    line = $i
                    if ($i ~ /^Types:/) line = "Types: deb"
                    if ($i ~ /^Components:/) line = "Components: main"
                    if ($i ~ /^Suites:/) {
                        if ((" " substr($i, 8) " ") ~ (" " suite " ")) wanted = 1
                        line = "Suites: " suite "-backports"
                    }
                    entry = entry line "\n"
                }
                if (wanted && usable) { printf "%s", entry; exit }
            }' "$file" | grep . && return
    done
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -f "$file" ] || continue
        awk -v suite="$suite" '
            $1 == "deb" {
                at = ($2 ~ /^\[/) ? 0 : 3
                for (i = 2; !at && i <= NF; i++) if ($i ~ /\]$/) at = i + 2
                if ($at != suite) next
                for (i = 1; i < at; i++) printf "%s ", $i
                print suite "-backports main"
                exit
            }' "$file" | grep . && return
    done
    return 1
}
