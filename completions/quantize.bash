# Completion of quantize(1) for bash.

_quantize() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local recipes="Q2_K Q2_K_S Q2_K_L Q3_K Q3_K_S Q3_K_M Q3_K_L Q3_K_XL Q4_0 Q4_1 Q4_K Q4_K_S
        Q4_K_M Q4_K_L Q5_0 Q5_1 Q5_K Q5_K_S Q5_K_M Q5_K_L Q6_K Q6_K_L Q8_0 IQ1_S IQ1_M IQ2_XXS
        IQ2_XS IQ2_S IQ2_M IQ3_XXS IQ3_XS IQ3_S IQ3_M IQ4_NL IQ4_XS TQ1_0 TQ2_0 MXFP4_MOE Q1_0
        Q2_0 F16 BF16 F32 COPY"
    local types="F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ1_S IQ1_M
        IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S IQ4_NL IQ4_XS TQ1_0 TQ2_0 MXFP4 NVFP4 Q1_0 Q2_0"
    local options="-h --help --version -t --threads -q --quiet -v --verbose --json --progress
        --force --no-clobber --verify --allow-requantize --leave-output-tensor --pure --imatrix
        --include-weights --exclude-weights --output-tensor-type --token-embedding-type
        --tensor-type --tensor-type-file --prune-layers --keep-split --override-kv --dry-run"

    case $previous in
        --imatrix | --tensor-type-file | --against)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        --output-tensor-type | --token-embedding-type)
            mapfile -t COMPREPLY < <(compgen -W "$types" -- "${current^^}")
            return
            ;;
        --progress)
            mapfile -t COMPREPLY < <(compgen -W "auto on off" -- "$current")
            return
            ;;
        -t | --threads)
            mapfile -t COMPREPLY < <(compgen -W "$(seq 1 "$(nproc 2>/dev/null || echo 8)")" -- "$current")
            return
            ;;
        --include-weights | --exclude-weights | --tensor-type | --prune-layers | --override-kv)
            return
            ;;
    esac

    case ${COMP_WORDS[1]} in
        types) options="--json" ;;
        inspect) options="--json" ;;
        verify) options="--json --against --threshold -t --threads -q --quiet -v --verbose" ;;
    esac
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
        return
    fi

    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -X '!*.gguf' -- "$current"; compgen -d -- "$current")
    if ((COMP_CWORD == 1)); then
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "types inspect verify" -- "$current")
    elif [[ ! ${COMP_WORDS[1]} =~ ^(types|inspect|verify)$ ]]; then
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$recipes" -- "${current^^}")
    fi
}
complete -F _quantize quantize
