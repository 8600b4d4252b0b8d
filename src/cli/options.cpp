// Declares the options to CLI11 and turns their text into a Request.
#include "options.h"

#include <map>

#include "arguments.h"
#include "quantize/error.h"
#include "quantize/option_text.h"

namespace quantize::cli {
namespace {

constexpr const char* group_types = "What each tensor becomes";
constexpr const char* group_imatrix = "Importance matrix";
constexpr const char* group_model = "What is written";
constexpr const char* group_run = "How it runs";
constexpr const char* group_show = "What is shown";

constexpr const char* description =
    "Makes a GGUF language model smaller, byte for byte as llama-quantize does, only faster.";

constexpr const char* usage =
    "quantize [options] in.gguf [out.gguf] TYPE [threads]\n"
    "       quantize types            every recipe and type, with a recommendation\n"
    "       quantize inspect FILE     metadata and tensors of a GGUF file\n"
    "       quantize verify FILE...   read files completely; --against compares with a source\n"
    "\n"
    "TYPE is a recipe such as Q5_K_M (any case, or its number). Without out.gguf the output is\n"
    "ggml-model-TYPE.gguf beside the input. A file named like a command is written ./types.\n"
    "Options that take a REGEX, a NAME or a KEY may be repeated.";

constexpr const char* examples =
    "Examples:\n"
    "  quantize model-f16.gguf model-Q5_K_M.gguf Q5_K_M\n"
    "  quantize --imatrix model.imatrix.gguf model-f16.gguf model-IQ3_M.gguf IQ3_M\n"
    "  quantize --dry-run model-f16.gguf Q4_K_M\n"
    "  quantize --tensor-type 'ffn_down=q6_k' model-f16.gguf model.gguf Q4_K_M 8\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 wrong usage, 128 + signal when interrupted.";

/// The text of the options whose value needs a parser of its own.
struct RawText {
    std::optional<std::string> output_type;
    std::optional<std::string> token_embedding_type;
    std::vector<std::string> prune_layers;
    std::optional<std::string> threads;
    std::optional<std::string> shuffle_seed;
};

template <class Text>
CLI::Option* add_text(CLI::App& app, const std::string& name, Text& value, const std::string& label,
                      const std::string& help) {
    return app.add_option(name, value, help)->type_name(label)->take_last();
}

/// Options that may be repeated. Type overrides keep the order of --tensor-type and
/// --tensor-type-file among themselves, because the first match wins.
void declare_type_options(CLI::App& app, Options& options, RawText& raw) {
    Request& request = options.request;
    app.add_flag("--pure", request.pure, "Give every tensor the recipe's own type")
        ->group(group_types);
    app.add_flag("--leave-output-tensor", request.leave_output_tensor,
                 "Keep output.weight as it is")
        ->group(group_types);
    add_text(app, "--output-tensor-type", raw.output_type, "TYPE", "The type of output.weight")
        ->group(group_types);
    add_text(app, "--token-embedding-type", raw.token_embedding_type, "TYPE",
             "The type of the token embeddings")
        ->group(group_types);
    app.add_option_function<std::vector<std::string>>(
           "--tensor-type",
           [&request](const std::vector<std::string>& values) {
               for (const std::string& value : values) {
                   request.type_overrides.push_back(parse_type_override(value));
               }
           },
           "The type of tensors whose name matches; the first match decides")
        ->type_name("REGEX=TYPE")
        ->allow_extra_args(false)
        ->trigger_on_parse()
        ->group(group_types);
    app.add_option_function<std::vector<std::string>>(
           "--tensor-type-file",
           [&request](const std::vector<std::string>& values) {
               for (const std::string& value : values) {
                   for (TypeOverride& entry : read_type_override_file(value)) {
                       request.type_overrides.push_back(std::move(entry));
                   }
               }
           },
           "A file of such rules, separated by spaces or newlines")
        ->type_name("FILE")
        ->allow_extra_args(false)
        ->trigger_on_parse()
        ->group(group_types);
}

void declare_imatrix_options(CLI::App& app, Options& options) {
    Request& request = options.request;
    add_text(app, "--imatrix", request.imatrix, "FILE",
             "Weigh errors by this importance matrix (.dat or .gguf)")
        ->group(group_imatrix);
    app.add_option("--include-weights", request.include_weights,
                   "Use it only for tensors whose name contains NAME")
        ->type_name("NAME")
        ->allow_extra_args(false)
        ->group(group_imatrix);
    app.add_option("--exclude-weights", request.exclude_weights,
                   "Do not use it for tensors whose name contains NAME")
        ->type_name("NAME")
        ->allow_extra_args(false)
        ->group(group_imatrix);
}

void declare_model_options(CLI::App& app, Options& options, RawText& raw) {
    Request& request = options.request;
    app.add_flag("--allow-requantize", request.allow_requantize,
                 "Convert tensors that are quantized already; costs quality")
        ->group(group_model);
    app.add_option("--prune-layers", raw.prune_layers, "Leave these layers out")
        ->type_name("L0,L1,...")
        ->allow_extra_args(false)
        ->group(group_model);
    app.add_flag("--keep-split", request.keep_split, "Write as many shards as the input has")
        ->group(group_model);
    app.add_option_function<std::vector<std::string>>(
           "--override-kv",
           [&request](const std::vector<std::string>& values) {
               for (const std::string& value : values) {
                   request.metadata_overrides.push_back(parse_metadata_override(value));
               }
           },
           "Set a key of the metadata; TYPE is int, float, bool or str")
        ->type_name("KEY=TYPE:VALUE")
        ->allow_extra_args(false)
        ->group(group_model);
}

void declare_run_options(CLI::App& app, Options& options, RawText& raw) {
    Request& request = options.request;
    add_text(app, "-t,--threads", raw.threads, "N", "Number of threads (default: all cores)")
        ->group(group_run);
    app.add_flag("--dry-run", request.dry_run, "Show what would be written; write nothing")
        ->group(group_run);
    CLI::Option* force =
        app.add_flag("--force", options.force, "Replace an output that exists (the default)")
            ->group(group_run);
    app.add_flag(
           "--no-clobber", [&request](std::int64_t) { request.overwrite = false; },
           "Never replace an output that exists")
        ->excludes(force)
        ->group(group_run);
    app.add_flag("--verify", request.verify,
                 "Read back what was written before the file gets its name")
        ->group(group_run);
    add_text(app, "--target", options.target, "NAME", "")->group("");
    add_text(app, "--shuffle-chunks", raw.shuffle_seed, "SEED", "")->group("");
}

ProgressMode parse_progress(const std::string& text) {
    static const std::map<std::string, ProgressMode> modes{
        {"auto", ProgressMode::automatic}, {"on", ProgressMode::on}, {"off", ProgressMode::off}};
    const auto mode = modes.find(text);
    if (mode == modes.end()) {
        throw Error("--progress '" + printable(text) + "': expected auto, on or off",
                    ErrorKind::usage);
    }
    return mode->second;
}

void declare_show_options(CLI::App& app, Options& options) {
    app.add_flag("--json", options.json, "One JSON object on standard output")->group(group_show);
    app.add_option_function<std::string>(
           "--progress",
           [&options](const std::string& text) { options.progress = parse_progress(text); },
           "auto (a bar on a terminal, else lines), on or off")
        ->type_name("WHEN")
        ->take_last()
        ->group(group_show);
    app.add_flag(
           "-q,--quiet", [&options](std::int64_t) { options.verbosity = Verbosity::quiet; },
           "Errors only")
        ->group(group_show);
    app.add_flag(
           "-v,--verbose", [&options](std::int64_t) { options.verbosity = Verbosity::verbose; },
           "A line for every tensor")
        ->group(group_show);
    app.add_flag("--version", options.show_version, "Version and instruction set")
        ->group(group_show);
}

/// What a second argument may have been meant to be; nothing for the name of a file.
std::string nearest_type_hint(const std::string& word) {
    if (word.find_first_of("./") != std::string::npos) return {};
    std::vector<std::string_view> known;
    for (const Recipe& recipe : recipes())
        known.push_back(recipe.name);
    return nearest_hint(word, known);
}

/// Places the positional arguments: in.gguf [out.gguf] TYPE [threads]. As in the reference, a
/// second argument that names a recipe is the recipe, whatever follows.
void place_arguments(const std::vector<std::string>& words, Request& request) {
    if (words.empty()) {
        throw Error("nothing to do: expected in.gguf [out.gguf] TYPE; `quantize --help` shows all",
                    ErrorKind::usage);
    }
    if (words.size() < 2) {
        throw Error("missing the type: expected in.gguf [out.gguf] TYPE, such as Q5_K_M",
                    ErrorKind::usage);
    }
    request.input = words[0];
    const bool named_output = find_recipe(words[1]) == nullptr;
    const std::size_t recipe_at = named_output ? 2 : 1;
    if (recipe_at >= words.size()) {
        throw Error("missing the type: '" + printable(words[1]) +
                        "' is no type and taken for the output's name; expected in.gguf "
                        "[out.gguf] TYPE" +
                        nearest_type_hint(words[1]) + " (`quantize types` lists all)",
                    ErrorKind::usage);
    }
    request.recipe = words[recipe_at];
    parse_recipe_option(request.recipe);
    request.output = named_output
                         ? std::filesystem::path(words[1])
                         : default_output(request.input, request.recipe, request.keep_split);
    if (words.size() > recipe_at + 1) request.threads = parse_thread_count(words[recipe_at + 1]);
    if (words.size() > recipe_at + 2) {
        throw Error("too many arguments: '" + printable(words[recipe_at + 2]) +
                        "' follows the number of threads",
                    ErrorKind::usage);
    }
}

std::optional<TensorType> type_of(const char* option, const std::optional<std::string>& text) {
    if (!text) return std::nullopt;
    try {
        return parse_type_option(*text);
    } catch (const Error& error) {
        throw error.at(option);
    }
}

void read_raw_text(const RawText& raw, Request& request) {
    request.output_type = type_of("--output-tensor-type", raw.output_type);
    request.token_embedding_type = type_of("--token-embedding-type", raw.token_embedding_type);
    std::string layers;
    for (const std::string& list : raw.prune_layers)
        layers += (layers.empty() ? "" : ",") + list;
    if (!raw.prune_layers.empty()) request.prune_layers = parse_layer_list(layers);
    if (raw.threads) request.threads = parse_thread_count(*raw.threads);
    if (raw.shuffle_seed) request.shuffle_seed = std::hash<std::string>{}(*raw.shuffle_seed);
    if (!request.include_weights.empty() && !request.exclude_weights.empty()) {
        throw Error("--include-weights and --exclude-weights cannot be used together",
                    ErrorKind::usage);
    }
}

}  // namespace

std::optional<Options> parse_options(const std::vector<std::string>& words) {
    CLI::App app(description, "quantize");
    Options options;
    RawText raw;
    app.footer(examples);
    lay_out_help(app, usage);
    declare_model_options(app, options, raw);
    declare_type_options(app, options, raw);
    declare_imatrix_options(app, options);
    declare_run_options(app, options, raw);
    declare_show_options(app, options);
    // Declared last, so that its group does not come first.
    app.set_help_flag("-h,--help", "Show this help")->group(group_show);
    const auto positionals = parse_arguments(app, words);
    if (!positionals) return std::nullopt;
    if (options.show_version) return options;
    read_raw_text(raw, options.request);
    place_arguments(*positionals, options.request);
    return options;
}

}  // namespace quantize::cli
