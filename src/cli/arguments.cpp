// The splitting walks the words once; CLI11 then sees options only.
#include "arguments.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <memory>
#include <utility>

#include "quantize/error.h"

namespace quantize::cli {
namespace {

bool is_option(const std::string& word) {
    if (word.size() < 2 || word[0] != '-') return false;
    // "-1" is a number of threads.
    return std::isdigit(static_cast<unsigned char>(word[1])) == 0;
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
        return "\nUsage: " + usage_ + "\n";
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
    formatter->label("TEXT", "");
    app.formatter(formatter);
    app.set_help_flag("-h,--help", "Show this help");
}

}  // namespace quantize::cli
