// Why: the prelude and the shipped protocols are files for people to read and change, and part of the program all the
// same. The build writes them into a C++ file that defines this.
#pragma once

#include <span>
#include <string_view>

namespace wakewatch {

struct EmbeddedText {
  std::string_view name;  // the file's, without its folder and ending
  std::string_view text;
};
std::span<const EmbeddedText> EmbeddedTexts();

}  // namespace wakewatch
