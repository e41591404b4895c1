"""Why: rules that hold only while something checks them. Each rule reads a source tree and yields a sentence a
violation.

The rooms and their arrows are those of the top CMakeLists.txt: a room may include what stands in its row here.
"""
import os
import re

ROOMS = {
    "analysis/base": {"analysis/base"},
    "analysis/trace": {"analysis/base", "analysis/trace"},
    "analysis/chunk": {"analysis/base", "analysis/trace", "analysis/chunk"},
    "analysis/model": {"analysis/base", "analysis/trace", "analysis/model"},
    "analysis/checks": {"analysis/base", "analysis/trace", "analysis/chunk", "analysis/model", "analysis/checks"},
    "analysis/protocol": {"analysis/base", "analysis/protocol"},
    "analysis/report": {"analysis/base", "analysis/trace", "analysis/chunk", "analysis/model", "analysis/checks",
                        "analysis/protocol", "analysis/report"},
    "proto/wire": {"analysis/base", "analysis/trace", "analysis/chunk", "proto/wire"},
    "collector/spool": {"analysis/base", "analysis/trace", "analysis/chunk", "collector/spool"},
    "collector/agent": {"analysis/base", "analysis/trace", "analysis/chunk", "proto/wire", "collector"},
    "collector/broker": {"analysis/base", "analysis/trace", "analysis/chunk", "collector"},
    "collector/settings": {"analysis/base", "collector/settings"},
    "collector/cli": {"analysis/base", "analysis/trace", "analysis/chunk", "proto/wire", "collector"},
    "collector": {"analysis/base", "analysis/trace", "analysis/chunk", "collector"},
    "server/store": {"analysis", "server/store"},
    "server/live": {"analysis", "server/store", "server/live"},
    "server/access": {"analysis/base", "server/access"},
    "server/rpc": {"analysis", "proto/wire", "server/store", "server/live", "server/access", "server/rpc"},
    "server/http": {"analysis", "server/store", "server/live", "server/access", "server/rpc", "server/http"},
    "server/cli": {"analysis", "proto/wire", "server", "collector"},
}
SOURCE_ENDINGS = (".h", ".cc", ".c")
TEXT_ENDINGS = SOURCE_ENDINGS + (".py", ".sh", ".cmake", ".md", ".txt", ".proto", ".ts", ".tsx", ".css")
SKIPPED_FOLDERS = ("build", "node_modules", "dist", "gen", "data", "corpus")
LINES_MAX = 500
FUNCTION_LINES_MAX = 70
FILE_REASON = "Longer than %d lines:" % LINES_MAX
FUNCTION_REASON = "Longer than %d lines:" % FUNCTION_LINES_MAX
MARKS = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def files(root, endings):
    """Paths relative to root, without build folders and hidden ones."""
    for folder, names, filenames in os.walk(root):
        names[:] = sorted(n for n in names if not n.startswith(".") and n not in SKIPPED_FOLDERS)
        for name in sorted(filenames):
            if name.endswith(endings) or name in ("CMakeLists.txt",):
                yield os.path.relpath(os.path.join(folder, name), root)


def lines_of(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read().splitlines()


def room_of(path):
    for room in ROOMS:
        if path.startswith(room + "/"):
            return room
    return None


def allowed(room, included):
    return any(included.startswith(target + "/") for target in ROOMS[room])


def upward_includes(root):
    """A room includes only itself and the rooms below it; nothing includes tests/."""
    for path in files(root, SOURCE_ENDINGS):
        room = room_of(path)
        if room is None:
            continue
        for number, line in enumerate(lines_of(root, path), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            included = match.group(1)
            if "/" not in included or not os.path.exists(os.path.join(root, included)):
                yield "%s:%d: \"%s\" is not a path from the top of the tree" % (path, number, included)
            elif not allowed(room, included):
                yield "%s:%d: %s may not include %s" % (path, number, room, included)


def missing_from_list(root, folder, list_file, base_class):
    """Every file of `folder` that derives from `base_class` has its header included by `list_file`."""
    derived = re.compile(r":\s*public\s+%s\b" % base_class)
    names = set()
    for path in files(os.path.join(root, folder), SOURCE_ENDINGS):
        stem = re.sub(r"\.(h|cc|c)$", "", path)
        if stem.endswith("_test") or "/" in stem:
            continue
        if any(derived.search(line) for line in lines_of(root, os.path.join(folder, path))):
            names.add("%s/%s.h" % (folder, stem))
    listed = set()
    if os.path.exists(os.path.join(root, list_file)):
        for line in lines_of(root, list_file):
            match = INCLUDE.match(line)
            if match:
                listed.add(match.group(1))
    for name in sorted(names - listed):
        yield "%s has a %s that %s does not name" % (name, base_class, list_file)


def missing_checks(root):
    return missing_from_list(root, "analysis/checks", "analysis/checks/checks_list.cc", "Check")


def missing_formats(root):
    return missing_from_list(root, "analysis/trace", "analysis/trace/formats_list.cc", "TraceInput")


def marks(root):
    """What is not done is in an issue, not in a comment."""
    for path in files(root, TEXT_ENDINGS):
        for number, line in enumerate(lines_of(root, path), 1):
            if MARKS.search(line):
                yield "%s:%d: an unfinished-work mark" % (path, number)


def long_files(root):
    for path in files(root, SOURCE_ENDINGS + (".py", ".sh", ".ts", ".tsx", ".css")):
        lines = lines_of(root, path)
        if len(lines) > LINES_MAX and not any(FILE_REASON in line for line in lines[:20]):
            yield "%s: %d lines; split it, or say why it is \"%s ...\"" % (path, len(lines), FILE_REASON)


def long_functions(root):
    """Functions whose head starts in the first column and whose closing brace stands alone there."""
    for path in files(root, SOURCE_ENDINGS):
        lines = lines_of(root, path)
        begin = None
        for number, line in enumerate(lines, 1):
            outside = line.startswith(("namespace", "extern"))
            if line[:1] not in ("", " ", "}", "#", "/") and "(" in line and not outside:
                begin = number
            elif line.startswith("}") and begin is not None:
                length = number - begin + 1
                excused = any(FUNCTION_REASON in text for text in lines[max(0, begin - 4):begin])
                if line == "}" and length > FUNCTION_LINES_MAX and not excused:
                    yield "%s:%d: a function of %d lines" % (path, begin, length)
                begin = None


def headers_without_why(root):
    for path in files(root, (".h",)):
        lines = lines_of(root, path)
        if room_of(path) and (not lines or not lines[0].startswith("// Why:")):
            yield "%s: a header opens with \"// Why:\"" % path
        if room_of(path) and "#pragma once" not in lines:
            yield "%s: no #pragma once" % path


def rpcs_without_role(root):
    """Every method of the wire contract says who may call it."""
    for path in files(root, (".proto",)):
        text = "\n".join(lines_of(root, path))
        for match in re.finditer(r"\brpc\s+(\w+)\s*\([^)]*\)\s*returns\s*\([^)]*\)\s*(;|\{[^}]*\})", text):
            if not re.search(r"option\s*\(role\)\s*=\s*ROLE_(?!UNSPECIFIED)\w+", match.group(2)):
                yield "%s: rpc %s has no role" % (path, match.group(1))


RULES = (upward_includes, missing_checks, missing_formats, marks, long_files, long_functions, headers_without_why, rpcs_without_role)
