// Why: what stands between a collector and its server is told to people, with what they can do about it.
#pragma once

#include <string>

#include <wakewatch/v1/ingest.pb.h>

#include "collector/agent/ingest_stream.h"

namespace wakewatch {

// What people can do about it; empty: wait.
std::string RemedyOf(StreamEnd end);
// What happened, and the remedy.
std::string TextOf(const StreamEnding& ending);
// It does not go away by waiting.
bool TakesPeople(StreamEnd end);
// The server, or what it asks for, has to be another one: who waits for an answer has it.
bool IsRefusal(StreamEnd end);
// Why the two cannot talk; empty: they can.
std::string VersionTrouble(const v1::Welcome& welcome);
// What the other side says goes into logs and onto terminals.
std::string Printable(const std::string& text);

}  // namespace wakewatch
