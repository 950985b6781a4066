# SPDX-License-Identifier: MIT
"""What the public headers declare: every function, struct, enumerator and type of callback.

The headers are C that we write ourselves, so this reads declarations, not the C language. What it does not
understand is an error with its text: nothing is passed over."""
import re
import sys
from pathlib import Path


def fail(text):
    sys.exit("test/input: " + text)


class Function:
    def __init__(self, header, result, name, parameters, variadic, creates):
        self.header, self.result, self.name = header, result, name
        self.parameters = parameters  # of (type, name)
        self.variadic, self.creates = variadic, creates


class Struct:
    def __init__(self, name, members):
        self.name, self.members = name, members  # of (type, name)


class Headers:
    def __init__(self, include):
        self.functions, self.structs, self.enumerators = [], {}, []
        self.handles, self.callbacks = set(), set()
        for path in sorted(Path(include).rglob("*.h")):
            self.header = path.name
            self.read(path.read_text(encoding="utf-8"))
        if not self.functions:
            fail(f"no function found in {include}")
        self.handles -= set(self.structs)

    def read(self, text):
        marked = 0
        for statement in statements(text):
            marked += "TG_API" in statement.split()
            self.declaration(statement)
        if marked != sum(f.header == self.header for f in self.functions):
            fail(f"{self.header}: not every TG_API is a function")

    def declaration(self, text):
        """One statement, without its semicolon."""
        kinds = (
            (r"typedef struct (\w+) \1", lambda m: self.handles.add(m[1])),
            (r"typedef struct (\w+) \{(.*)\} \1", self.struct),
            (r"typedef enum \w+ \{ TG_STATUS_TABLE\(.*\) \} \w+", lambda m: None),
            (r"enum \{(.*)\}", self.enumeration),
            (r"typedef [\w *]+?(\w+)\(.*\)", lambda m: self.callbacks.add(m[1])),
            (r"(?:_Noreturn )*TG_API (TG_NODISCARD )?([\w *]+?)(\w+)\((.*?)\)(?: TG_PRINTF\(.*\))?", self.function),
        )
        for pattern, take in kinds:
            match = re.fullmatch(pattern, text)
            if match:
                take(match)
                return
        fail(f"{self.header}: what is this? {text}")

    def function(self, match):
        parameters = [p.strip() for p in match[4].split(",")]
        variadic = parameters[-1] == "..."
        if variadic or parameters == ["void"]:
            parameters.pop()
        self.functions.append(
            Function(self.header, clean(match[2]), match[3], [named(p) for p in parameters], variadic, bool(match[1])))

    def struct(self, match):
        members = [named(m) for m in match[2].split(";") if m.strip()]
        self.structs[match[1]] = Struct(match[1], members)

    def enumeration(self, match):
        for part in match[1].split(","):
            if part.strip():
                self.enumerators.append(part.split("=")[0].strip())


def clean(text):
    """A type with one space between words, and one before its stars."""
    return re.sub(r"\s*(\*+)\s*", r" \1", " ".join(text.split())).strip()


def named(text):
    match = re.fullmatch(r"\s*(.*[\s*])(\w+)\s*", text)
    if not match:
        fail(f"a parameter or member that I cannot read: {text}")
    return clean(match[1]), match[2]


def statements(text):
    """The text's declarations as C sees them, each on one line."""
    text = re.sub(r"\\\n", " ", text)
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    text = re.sub(r"^[ \t]*#.*$", "", text, flags=re.M)
    text = re.sub(r"^static inline .*?^\}$", "", text, flags=re.M | re.S)  # calls a function that is tried
    text = re.sub(r"\bTG_(BEGIN|END)_DECLS\b|\[\[noreturn\]\]", " ", text)
    depth, start = 0, 0
    for at, c in enumerate(text):
        depth += (c == "{") - (c == "}")
        if c == ";" and depth == 0:
            yield " ".join(text[start:at].split())
            start = at + 1
    rest = " ".join(text[start:].split())
    if rest:
        fail(f"text after the last declaration: {rest}")
