// Why: most unknown words are misspelt known ones, and an error that names the word that was meant is the shortest way
// on.
#pragma once

#include <span>
#include <string_view>

namespace wakewatch::protocol {

// The word of `words` that `word` is most likely a misspelling of; empty where none is near: one letter missing, too
// many, wrong or swapped with its neighbour, or two in a word of six and more. The earlier word wins where two are as
// near.
std::string_view NearestWord(std::string_view word, std::span<const std::string_view> words);

}  // namespace wakewatch::protocol
