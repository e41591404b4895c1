#include "collector/settings/configuration.h"

#include <cctype>
#include <cstdlib>
#include <set>
#include <sstream>
#include <vector>

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>
#include <CLI/CLI.hpp>

namespace wakewatch {
namespace {

const std::set<std::string>& NotInFiles() {
  static const std::set<std::string> names = {"config", "check-config", "print-config", "help", "version", "man"};
  return names;
}

// The options that can be configured, as they were defined.
std::vector<CLI::Option*> OptionsOf(CLI::App* app) {
  std::vector<CLI::Option*> options;
  for (CLI::Option* option : app->get_options()) {
    if (option->get_lnames().empty() || NotInFiles().contains(option->get_lnames().front())) continue;
    options.push_back(option);
  }
  return options;
}

const std::string& NameOf(const CLI::Option& option) { return option.get_lnames().front(); }
bool IsFlag(const CLI::Option& option) { return option.get_items_expected_max() == 0; }
bool IsList(const CLI::Option& option) { return option.get_expected_max() > 1; }

Error Wrong(const std::string& place, std::optional<uint64_t> line, const std::string& cause,
            const std::string& remedy) {
  std::string where = place;
  if (line) where += ":" + std::to_string(*line);
  return Error{.code = ErrorCode::kInvalidArgument, .cause = cause, .file = where, .remedy = remedy};
}

// As CLI11 takes over what a flag was given. It says what is wrong by throwing; that ends here.
Status Take(CLI::Option* option, const std::vector<std::string>& values, const Error& place) {
  try {
    for (const std::string& value : values) option->add_result(value);
    option->run_callback();
    return {};
  } catch (const CLI::Error& error) {
    Error wrong = place;
    const std::string words = error.what();
    wrong.cause = words.starts_with("--" + NameOf(*option)) ? words.substr(2) : NameOf(*option) + ": " + words;
    return Fail(std::move(wrong));
  }
}

// A single value as the text that a flag would have; nothing for a table, a list, or a date.
std::optional<std::string> TextOf(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
  if (const auto* number = node.as_floating_point()) {
    std::ostringstream text;
    text << number->get();
    return text.str();
  }
  return std::nullopt;
}

std::optional<std::vector<std::string>> TextsOf(const toml::node& node, bool list) {
  std::vector<std::string> texts;
  if (const auto* array = node.as_array(); array != nullptr && list) {
    for (const toml::node& item : *array) {
      auto text = TextOf(item);
      if (!text) return std::nullopt;
      texts.push_back(std::move(*text));
    }
    return texts;
  }
  auto text = TextOf(node);
  if (!text) return std::nullopt;
  texts.push_back(std::move(*text));
  return texts;
}

std::string Quoted(const std::string& text) {
  std::ostringstream out;
  const toml::value<std::string> value(text);
  out << toml::toml_formatter(value, toml::format_flags::none);
  return out.str();
}

// Bare where TOML has a type for it.
std::string ValueText(const std::string& text, bool flag) {
  if (flag) return text == "false" || text == "0" || text.empty() ? "false" : "true";
  char* end = nullptr;
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (digits && text.size() < 18 && (text == "0" || text.front() != '0')) {
    std::strtoull(text.c_str(), &end, 10);
    return text;
  }
  return Quoted(text);
}

}  // namespace

std::string EnvironmentName(const std::string& option) {
  std::string name = "WAKEWATCH_";
  for (const char c : option) name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

Configuration::Configuration(CLI::App* app) : app_(app) {
  app->add_option("--config", file_,
                  "Read options from this TOML file, by their names without dashes; flags and WAKEWATCH_NAME in the "
                  "environment win; unknown names are errors")
      ->type_name("FILE")
      ->envname(EnvironmentName("config"));
  app->add_flag("--check-config", check_, "Only say whether the options, the environment and the file are in order");
  app->add_flag("--print-config", print_, "Only write all options as a configuration file, and where each comes from");
}

Status Configuration::Fill() {
  for (const CLI::Option* option : OptionsOf(app_)) {
    if (option->count() > 0) sources_[option] = "--" + NameOf(*option);
  }
  if (auto status = FillFromEnvironment(); !status) return status;
  return file_.empty() ? Status() : FillFromFile();
}

Status Configuration::FillFromEnvironment() {
  for (CLI::Option* option : OptionsOf(app_)) {
    const std::string variable = EnvironmentName(NameOf(*option));
    const char* const value = std::getenv(variable.c_str());
    if (value == nullptr || sources_.contains(option)) continue;
    std::vector<std::string> values;
    if (IsList(*option)) {
      std::istringstream words(value);
      for (std::string word; words >> word;) values.push_back(word);
    } else {
      values.emplace_back(value);
    }
    const Error place = Wrong("the environment's " + variable, std::nullopt, "", "change or unset the variable");
    if (auto status = Take(option, values, place); !status) return status;
    sources_[option] = variable;
  }
  return {};
}

Status Configuration::FillFromFile() {
  const toml::parse_result parsed = toml::parse_file(file_);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    const uint64_t line = error.source().begin.line;
    return Fail(Wrong(file_, line == 0 ? std::nullopt : std::optional<uint64_t>(line), std::string(error.description()),
                      line == 0 ? "name a file that can be read" : "a line is: name = value; texts are \"quoted\""));
  }
  std::map<std::string, CLI::Option*> options;
  for (CLI::Option* option : OptionsOf(app_)) options[NameOf(*option)] = option;
  for (const auto& [key, node] : parsed.table()) {
    const std::string name(key.str());
    const uint64_t line = key.source().begin.line;
    const auto option = options.find(name);
    if (option == options.end()) {
      return Fail(Wrong(file_, line, name + ": there is no such option",
                        "the names are those of --help without dashes in front; --print-config lists them"));
    }
    const auto texts = TextsOf(node, IsList(*option->second));
    if (!texts) {
      return Fail(
          Wrong(file_, line, name + ": a value of this kind is not taken",
                IsList(*option->second) ? "a list is: [\"a\", \"b\"]" : "a value is a text, a number, true or false"));
    }
    if (sources_.contains(option->second)) continue;
    if (auto status = Take(option->second, *texts, Wrong(file_, line, "", "correct that line")); !status) return status;
    sources_[option->second] = file_ + ":" + std::to_string(line);
  }
  return {};
}

std::string Configuration::Text() const {
  std::string text;
  for (const CLI::Option* option : OptionsOf(app_)) {
    const auto source = sources_.find(option);
    std::string value;
    if (source == sources_.end()) {
      value = IsList(*option) ? "[]" : ValueText(option->get_default_str(), IsFlag(*option));
    } else if (IsList(*option)) {
      for (const std::string& item : option->results()) value += (value.empty() ? "" : ", ") + Quoted(item);
      value = "[" + value + "]";
    } else {
      value = ValueText(option->results().back(), IsFlag(*option));
    }
    // An option that has no default is left to the program: an empty text would not pass its check.
    const bool unset = source == sources_.end() && !IsFlag(*option) && option->get_default_str().empty();
    text += (unset ? "# " : "") + NameOf(*option) + " = " + value + "  # " +
            (source == sources_.end() ? "default" : source->second) + "\n";
  }
  return text;
}

}  // namespace wakewatch
