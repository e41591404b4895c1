#include "server/cli/docs.h"

#include <algorithm>
#include <cctype>
#include <sstream>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "server/cli/diagnostics.h"

namespace wakewatch {
namespace {

// Sub-commands that help texts show, in their order.
std::vector<const CLI::App*> VisibleVerbs(const CLI::App& root) {
  return root.get_subcommands([](const CLI::App* verb) { return !verb->get_group().empty(); });
}

// roff takes a backslash as its own, a dash as a hyphen, and a leading dot or quote as a request.
std::string Roff(const std::string& text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    line_begins = c == '\n';
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out;
}

std::string UpperCase(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

// "-o, --output FILE" or "FILE".
std::string OptionTerm(const CLI::Option& option) {
  std::string term;
  for (const std::string& name : option.get_snames()) term += (term.empty() ? "-" : ", -") + name;
  for (const std::string& name : option.get_lnames()) term += (term.empty() ? "--" : ", --") + name;
  const bool takes_value = option.get_items_expected_max() > 0;
  const std::string value = takes_value ? option.get_type_name() : "";
  if (term.empty()) return value.empty() || value == "TEXT" ? UpperCase(option.get_name()) : value;
  if (option.get_positional()) term += ", or";
  return value.empty() ? term : term + " " + value;
}

std::string OptionsSection(const CLI::App& app) {
  std::string out;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    out += fmt::format(".TP\n.B {}\n{}", Roff(OptionTerm(*option)), Roff(option->get_description()));
    if (!option->get_default_str().empty()) out += Roff(fmt::format(" (default: {})", option->get_default_str()));
    out += '\n';
  }
  return out;
}

// The footer is "Examples:" and indented lines.
std::string ExamplesSection(const CLI::App& app) {
  std::istringstream footer(app.get_footer());
  std::string line, out;
  std::getline(footer, line);
  while (std::getline(footer, line)) {
    if (!line.empty()) out += Roff(line.substr(line.find_first_not_of(' '))) + "\n.br\n";
  }
  return out.empty() ? out : ".SH EXAMPLES\n.nf\n" + out + ".fi\n";
}

std::string Head(const std::string& page, const std::string& summary) {
  return fmt::format(".TH {} 1 \"\" \"wakewatch {}\" \"Wakewatch\"\n.SH NAME\n{} \\- {}\n", UpperCase(page),
                     WAKEWATCH_VERSION, Roff(page), Roff(summary));
}

constexpr const char* kExitStatus =
    ".SH EXIT STATUS\n"
    ".TP\n.B 0\nfine\n"
    ".TP\n.B 1\nan error, told on standard error\n"
    ".TP\n.B 2\nthe command line makes no sense\n"
    ".TP\n.B 3\ndone, but the data has gaps\n"
    ".TP\n.B 4\na finding at or above \\-\\-fail\\-on (wins over 3); a protocol that can lose a wakeup\n"
    ".TP\n.B 130\ninterrupted\n";

std::string FlagWords(const CLI::App& app) {
  std::string words;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    for (const std::string& name : option->get_snames()) words += (words.empty() ? "-" : " -") + name;
    for (const std::string& name : option->get_lnames()) words += (words.empty() ? "--" : " --") + name;
  }
  return words;
}

// The words of an option that takes one of a few: CLI11 writes them into its type as "TEXT:{a,b}".
std::string ChoiceWords(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t begin = type.find('{'), end = type.find('}');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return {};
  std::string words = type.substr(begin + 1, end - begin - 1);
  std::replace(words.begin(), words.end(), ',', ' ');
  return words;
}

// --format|-x) COMPREPLY=(…); return ;;
std::string ChoiceCases(const CLI::App& verb) {
  std::string cases;
  for (const CLI::Option* option : verb.get_options([](const CLI::Option* o) { return o->nonpositional(); })) {
    const std::string words = ChoiceWords(*option);
    if (words.empty()) continue;
    for (const std::string& name : option->get_lnames()) {
      cases += fmt::format("    {}:--{}) COMPREPLY=($(compgen -W \"{}\" -- \"$word\")); return ;;\n", verb.get_name(),
                           name, words);
    }
  }
  return cases;
}

std::string PositionalWords(const CLI::App& verb) {
  for (const CLI::Option* option : verb.get_options([](const CLI::Option* o) { return o->get_positional(); })) {
    if (const std::string words = ChoiceWords(*option); !words.empty()) return words;
  }
  return {};
}

std::string ManPage(const CLI::App& root) {
  std::string out = Head(root.get_name(), root.get_description());
  out += ".SH SYNOPSIS\n.B wakewatch\n.I VERB\n[options]\n.SH VERBS\n";
  for (const CLI::App* verb : VisibleVerbs(root)) {
    out += fmt::format(".TP\n.BR wakewatch\\-{} (1)\n{}\n", verb->get_name(), Roff(verb->get_description()));
  }
  return out + ".SH OPTIONS\n" + OptionsSection(root) + kExitStatus + ExamplesSection(root);
}

std::string VerbManPage(const CLI::App& root, const CLI::App& verb) {
  std::string out = Head(root.get_name() + "-" + verb.get_name(), verb.get_description());
  out += fmt::format(".SH SYNOPSIS\n.B wakewatch {}\n[options]", verb.get_name());
  for (const CLI::Option* option : verb.get_options([](const CLI::Option* o) { return o->get_positional(); })) {
    const std::string type = option->get_type_name();
    const std::string name =
        type == "TEXT" || type.find('{') != std::string::npos ? UpperCase(option->get_name()) : type;
    out += option->get_required() ? " " + Roff(name) : " [" + Roff(name) + "]";
  }
  out += "\n.SH OPTIONS\n" + OptionsSection(verb);
  return out + kExitStatus + ExamplesSection(verb) + ".SH SEE ALSO\n.BR wakewatch (1)\n";
}

std::string BashCompletion(const CLI::App& root) {
  std::string verbs, choices, flags;
  for (const CLI::App* verb : VisibleVerbs(root)) {
    verbs += (verbs.empty() ? "" : " ") + verb->get_name();
    choices += ChoiceCases(*verb);
    flags += fmt::format("    {}) flags=\"{}\"; words=\"{}\" ;;\n", verb->get_name(), FlagWords(*verb),
                         PositionalWords(*verb));
  }
  std::string out = "# bash completion for wakewatch; made by `wakewatch docs bash`\n_wakewatch() {\n";
  out +=
      "  local word=\"${COMP_WORDS[COMP_CWORD]}\" verb=\"${COMP_WORDS[1]-}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\"\n";
  out += "  local flags=\"\" words=\"\"\n  COMPREPLY=()\n";
  out +=
      fmt::format("  if [ \"$COMP_CWORD\" -eq 1 ]; then COMPREPLY=($(compgen -W \"{} {}\" -- \"$word\")); return; fi\n",
                  verbs, FlagWords(root));
  out += "  case \"$verb:$before\" in\n" + choices + "  esac\n  case \"$verb\" in\n" + flags + "  esac\n";
  out += "  case \"$word\" in\n    -*) COMPREPLY=($(compgen -W \"$flags\" -- \"$word\")) ;;\n";
  out += "    *) COMPREPLY=($(compgen -W \"$words\" -- \"$word\") $(compgen -f -- \"$word\")) ;;\n  esac\n}\n";
  return out + "complete -o filenames -F _wakewatch wakewatch\n";
}

}  // namespace

DocsVerb::DocsVerb(CommandLine* line)
    : Verb(line->AddHiddenVerb("docs", "Write a man page or the bash completion")), line_(line) {
  options()->Text({.names = "what", .help = "Which to write", .type = "", .required = true, .choices = {"man", "bash"}},
                  &what_);
  options()->Text({.names = "verb", .help = "The verb whose man page to write; default: the program's", .type = "VERB"},
                  &verb_);
  options()->Examples({"wakewatch docs man report > wakewatch-report.1", "wakewatch docs bash > wakewatch"});
}

ExitCode DocsVerb::Run() {
  if (what_ == "bash") {
    const auto printed = Print(BashCompletion(line_->app()));
    return printed ? ExitCode::kFine : Complain(printed.error());
  }
  const std::vector<const CLI::App*> verbs = VisibleVerbs(line_->app());
  const auto verb = std::find_if(verbs.begin(), verbs.end(), [&](const CLI::App* v) { return v->get_name() == verb_; });
  if (!verb_.empty() && verb == verbs.end()) {
    return ComplainOfUsage(Error{.code = ErrorCode::kInvalidArgument, .cause = "there is no verb " + verb_});
  }
  const auto printed = Print(verb_.empty() ? ManPage(line_->app()) : VerbManPage(line_->app(), **verb));
  return printed ? ExitCode::kFine : Complain(printed.error());
}

}  // namespace wakewatch
