#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""table.py INCLUDE PROGRAM TABLE [--write]

Runs the program that generate.py has written the calls for, and compares what they answer with the table; with
--write that is the table from now on."""
import difflib
import re
import subprocess
import sys
from pathlib import Path

import calls
from headers import Headers, fail


LEGEND = """What every public function answers to every argument at its edges: written by table.py, not by hand.

Below each function: all arguments valid; then one argument at its edges, the others valid (functions of one or two
arguments: all with all). Edges that are answered alike share a line. <name> in a message: it names that value.
"says nothing": tg_error_last() is as it was. "then the run answers": what a later tg_group_run() makes of it.
CRASHES, HANGS, AT ITS END (a leak, a race) and what follows BUT would be bugs; a refused call that changes
something is one of them."""


def run(program):
    """What each call has answered, by number."""
    output = subprocess.run([program], stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout
    answers = {}
    for line in output.splitlines():
        number, text = line.split("\t", 1)
        answers[int(number)] = answers[int(number)] + text if int(number) in answers else text
    return answers


def without_value(answer, name, value):
    """The message of a refusal, with the argument's name where it names the value."""
    refusal = re.search(r'(INVALID|UNSUPPORTED|TOO_LARGE|DUPLICATE|DONE|BUSY|FULL|FAILED \d+):? "[^"]*"', answer)
    if value.shown is None or not refusal:
        return answer
    token = r"(?<![\w.+-])" + re.escape(value.shown) + r"(?![\w.+])"
    named = re.sub(token, f"<{value.member or name}>", refusal[0], count=1)
    return answer[:refusal.start()] + named + answer[refusal.end():]


def fold(rows):
    """Of rows (label, answer): the labels of each answer, in order of coming."""
    folded = {}
    for label, answer in rows:
        folded.setdefault(answer, []).append(label)
    return [(labels, answer) for answer, labels in folded.items()]


def listed(labels):
    return " | ".join(labels)


def line(arguments, answer):
    left = "  " + arguments
    return f"{left:<58} {answer}" if len(left) < 58 else f"{left}\n{'':<58} {answer}"


def pairs(made):
    """Lines for all values of the first argument with all of the second."""
    by_first = {}
    names = made[0][0].varied
    for call, answer in made:
        first, second = (call.arguments[n] for n in names)
        answer = without_value(without_value(answer, names[0], first), names[1], second)
        by_first.setdefault(first.label, []).append((second.label, answer))
    folded = {}
    for first, rows in by_first.items():
        folded.setdefault(tuple((tuple(labels), answer) for labels, answer in fold(rows)), []).append(first)
    for parts, firsts in folded.items():
        yield f"  {names[0]} = {listed(firsts)}"
        for labels, answer in parts:
            text = f"{names[1]} = {listed(labels)}" if len(parts) > 1 else f"{names[1]} = any"
            yield line("  " + text, answer)


def singles(made):
    """Lines for each argument at its edges, the others being valid."""
    call, answer = made[0]
    valid = [f"{name} = {value.label}" for name, value in call.arguments.items()]
    yield line(", ".join(valid) if valid else "no argument", answer)
    by_argument = {}
    for call, answer in made[1:]:
        name = call.varied[0]
        value = call.arguments[name]
        answer = without_value(answer, name, value)
        shown = f"{name}.{value.member}" if value.member else name
        by_argument.setdefault(shown, []).append((value.label, answer))
    for name, rows in by_argument.items():
        for labels, answer in fold(rows):
            yield line(f"{name} = {listed(labels)}", answer)


def table(all_calls, answers):
    by_function = {}
    for number, call in enumerate(all_calls):
        if call.why_not is None and number not in answers:
            fail(f"the program has not made call {number}: is it of these headers?")
        answer = answers.get(number, f"(not asked: {call.why_not})")
        by_function.setdefault(call.function.name, []).append((call, answer))
    header = None
    yield LEGEND
    for made in by_function.values():
        function = made[0][0].function
        if function.header != header:
            header = function.header
            yield f"\n==== {header} ===="
        names = ", ".join(name for _, name in function.parameters) + (", ..." if function.variadic else "")
        yield f"\n{function.name}({names})"
        yield from pairs(made) if len(made[0][0].varied) == 2 else singles(made)


def main():
    include, program, path = sys.argv[1:4]
    text = "\n".join(table(calls.all_calls(Headers(include)), run(program))) + "\n"
    if sys.argv[4:] == ["--write"]:
        Path(path).write_text(text, encoding="utf-8")
        return 0
    expected = Path(path).read_text(encoding="utf-8").splitlines(keepends=True)
    lines = text.splitlines(keepends=True)
    difference = list(difflib.unified_diff(expected, lines, "expected", "answered", n=2))
    sys.stdout.writelines(difference)
    print(f"{len(lines)} lines, {sum(d[0] in '+-' for d in difference)} that differ")
    return 1 if difference else 0


sys.exit(main())
