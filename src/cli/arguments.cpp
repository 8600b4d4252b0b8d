// The splitting walks the words once; CLI11 then sees options only.
#include "arguments.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <memory>
#include <utility>

#include "quantize/error.h"
#include "quantize/option_text.h"

namespace quantize::cli {
namespace {

bool is_option(const std::string& word) {
    if (word.size() < 2 || word[0] != '-') return false;
    // "-1" is a number of threads.
    return std::isdigit(static_cast<unsigned char>(word[1])) == 0;
}

/// An unknown option is answered here, where it can be named, with what it is near to.
void check_known(const CLI::App& app, const std::string& word) {
    if (word.rfind("--", 0) != 0) return;
    const std::string name = word.substr(0, word.find('='));
    if (app.get_option_no_throw(name) != nullptr) return;
    std::vector<std::string> known;
    for (const CLI::Option* option : app.get_options()) {
        if (option->get_group().empty()) continue;
        for (const std::string& long_name : option->get_lnames())
            known.push_back("--" + long_name);
    }
    throw Error("unknown option '" + printable(name) + "'" +
                    nearest_hint(name, {known.begin(), known.end()}) + "; `" + app.get_name() +
                    " --help` shows all",
                ErrorKind::usage);
}

/// True when the word names an option whose value is the next word.
bool value_follows(const CLI::App& app, const std::string& word) {
    if (word.find('=') != std::string::npos && word.rfind("--", 0) == 0) return false;
    const bool is_short = word.rfind("--", 0) != 0;
    if (is_short && word.size() > 2) return false;
    const CLI::Option* option = app.get_option_no_throw(word);
    return option != nullptr && option->get_items_expected_min() > 0;
}

/// CLI11's layout with our own line on usage, since positional arguments are not CLI11's here.
class HelpFormatter : public CLI::Formatter {
 public:
    explicit HelpFormatter(std::string usage) : usage_(std::move(usage)) {}
    std::string make_usage(const CLI::App*, std::string) const override {
        return "\nUsage: " + usage_ + "\n\n";
    }
    /// One empty line between groups is enough, and CLI11 writes it.
    std::string make_group(std::string group, bool is_positional,
                           std::vector<const CLI::Option*> options) const override {
        return CLI::Formatter::make_group(group, is_positional, options).substr(1);
    }
    /// The value's name alone: what excludes what, the error tells.
    std::string make_option_opts(const CLI::Option* option) const override {
        if (option->get_type_size() == 0 || option->get_type_name().empty()) return {};
        return " " + option->get_type_name();
    }

 private:
    std::string usage_;
};

}  // namespace

std::optional<std::vector<std::string>> parse_arguments(CLI::App& app,
                                                        const std::vector<std::string>& arguments) {
    std::vector<std::string> options;
    std::vector<std::string> others;
    std::string late_option;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string& word = arguments[i];
        if (word == "--") {
            others.insert(others.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                          arguments.end());
            break;
        }
        if (!is_option(word)) {
            if (!late_option.empty()) {
                throw Error("option " + printable(late_option) +
                                " stands between the file names; options go before or after them",
                            ErrorKind::usage);
            }
            others.push_back(word);
            continue;
        }
        check_known(app, word);
        options.push_back(word);
        if (!others.empty()) late_option = word;
        if (value_follows(app, word) && i + 1 < arguments.size()) options.push_back(arguments[++i]);
    }
    std::ranges::reverse(options);
    try {
        app.parse(options);
    } catch (const CLI::CallForHelp&) {
        std::fputs(app.help().c_str(), stdout);
        return std::nullopt;
    } catch (const CLI::ParseError& error) {
        throw Error(printable(error.what()) + "; `" + app.get_name() + " --help` shows the options",
                    ErrorKind::usage);
    }
    return others;
}

void lay_out_help(CLI::App& app, const std::string& usage) {
    auto formatter = std::make_shared<HelpFormatter>(usage);
    formatter->column_width(38);
    app.formatter(formatter);
    app.set_help_flag("-h,--help", "Show this help");
}

}  // namespace quantize::cli
