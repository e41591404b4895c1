// Why: a thread that waited long is a question, and this text is the answer: what its waits were spent on, and of the
// longest ones who was on the CPU instead, with the events that a reader can check it against.
#pragma once

#include <string>

#include "analysis/report/report.h"
#include "analysis/report/report_text.h"

namespace wakewatch {

// Two paragraphs, each with an empty line in front: one line a thread that waited after a wakeup, the longest sum of
// waits first; and the longest waits of the threads whose waits were the longest. Empty where there are none.
std::string DelaysText(const Report& report, const TextOptions& options);

}  // namespace wakewatch
