# Completion of quantize(1) for fish.

set -l recipes Q2_K Q2_K_S Q2_K_L Q3_K Q3_K_S Q3_K_M Q3_K_L Q3_K_XL Q4_0 Q4_1 Q4_K Q4_K_S \
    Q4_K_M Q4_K_L Q5_0 Q5_1 Q5_K Q5_K_S Q5_K_M Q5_K_L Q6_K Q6_K_L Q8_0 IQ1_S IQ1_M IQ2_XXS \
    IQ2_XS IQ2_S IQ2_M IQ3_XXS IQ3_XS IQ3_S IQ3_M IQ4_NL IQ4_XS TQ1_0 TQ2_0 MXFP4_MOE Q1_0 \
    Q2_0 F16 BF16 F32 COPY
set -l types F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ1_S IQ1_M \
    IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S IQ4_NL IQ4_XS TQ1_0 TQ2_0 MXFP4 NVFP4 Q1_0 Q2_0
set -l commands types inspect verify

complete -c quantize -n "not __fish_seen_subcommand_from $commands" -a "$recipes" -d recipe
complete -c quantize -n __fish_use_subcommand -a types -d "Every type and recipe"
complete -c quantize -n __fish_use_subcommand -a inspect -d "What a file holds"
complete -c quantize -n __fish_use_subcommand -a verify -d "Read a file completely"
complete -c quantize -s h -l help -d "Show help"
complete -c quantize -l version -d "Show version and instruction set"
complete -c quantize -s t -l threads -x -d "Number of threads"
complete -c quantize -s q -l quiet -d "Errors only"
complete -c quantize -s v -l verbose -d "A line for every tensor"
complete -c quantize -l json -d "Result as JSON on standard output"
complete -c quantize -l progress -x -a "auto on off" -d "Show progress"
complete -c quantize -l force -d "Replace an output that exists"
complete -c quantize -l no-clobber -d "Never replace an output that exists"
complete -c quantize -l verify -d "Read back and check before the file gets its name"
complete -c quantize -l allow-requantize -d "Convert tensors that are quantized already"
complete -c quantize -l leave-output-tensor -d "Keep output.weight as it is"
complete -c quantize -l pure -d "Every tensor in the recipe's own type"
complete -c quantize -l imatrix -r -d "Importance matrix"
complete -c quantize -l include-weights -x -d "Use the matrix for these tensors only"
complete -c quantize -l exclude-weights -x -d "Do not use the matrix for these tensors"
complete -c quantize -l output-tensor-type -x -a "$types" -d "Type of output.weight"
complete -c quantize -l token-embedding-type -x -a "$types" -d "Type of the token embeddings"
complete -c quantize -l tensor-type -x -d "REGEX=TYPE for tensors that match"
complete -c quantize -l tensor-type-file -r -d "File of such rules"
complete -c quantize -l prune-layers -x -d "Layers to leave out"
complete -c quantize -l keep-split -d "As many shards as the input"
complete -c quantize -l override-kv -x -d "KEY=TYPE:VALUE to set in the metadata"
complete -c quantize -l dry-run -d "Show the plan and the size only"
complete -c quantize -n "__fish_seen_subcommand_from verify" -l against -r -d "File that it was made from"
complete -c quantize -n "__fish_seen_subcommand_from verify" -l threshold -x -d "Largest error per tensor"
