# SPDX-License-Identifier: MIT
"""Which calls are made: each function with each argument at its edges while all others are valid; with one or two
arguments, all of them together. Also writes them as C."""
import re

import edges
from headers import fail

# What is not asked, with the reason that the table gives: (function, {parameter: labels}, why).
NOT_ASKED = (
    ("tg_group_destroy", {"group": ("destroyed, in its task",)}, "it is gone"),
    ("tg_group_run|tg_group_scope", {"group": ("with a hold",)}, "would wait for who holds it"),
    ("tg_group_wait", {"group": ("over a pool, running",), "timeout": edges.LATER}, "would wait"),
    ("tg_task_wait", {"task": ("queued", "deferred"), "timeout": edges.LATER}, "would wait"),
)

# What a call has begun is ended: C after it, which names the call's first parameter.
AFTER = {
    "tg_group_open": "if (answer == 0) tg_group_close(group);",
    "tg_limit_acquire": "if (answer == 0) (void)tg_limit_release(limit, tg_limit_used(limit));",
    "tg_task_defer": "if (answer == 0) tg_group_complete(tg_task_group(self), tg_task_index(self), 0, NULL);",
    "tg_task_sleep": "if (answer == 0) tg_context_cancel(tg_group_context(tg_task_group(self)), 0, NULL);",
}
RETURNED = ("tg_task_fail", "tg_task_fail_text", "tg_task_defer", "tg_task_sleep")  # by the task's function
ENDS = re.compile(r".*_(destroy|remove)|tg_task_release")  # the handle is gone then


class Call:
    def __init__(self, function, arguments, varied):
        self.function, self.arguments, self.varied = function, arguments, varied
        self.why_not = None  # it is asked


def parameters(function, headers):
    found = {name: edges.parameter_values(function, kind, name, headers) for kind, name in function.parameters}
    if function.name in edges.PLACED:
        found = {"place": edges.PLACES, **found}
    return found


def reason(call):
    for name, labels, why in NOT_ASKED:
        if re.fullmatch(name, call.function.name) and all(
                call.arguments[p].label in wanted for p, wanted in labels.items()):
            return why
    value = [v for v in call.arguments.values() if v.later]
    return "would wait" if value and call.function.name == "tg_call_run" else None


def calls_of(function, headers):
    values = parameters(function, headers)
    valid = {name: choice[0] for name, choice in values.items()}
    for name, label in edges.VALID.get(function.name, {}).items():
        valid[name] = next(value for value in values[name] if value.label == label)
    names = list(values)
    made = []
    if len(names) == 2 and not any(v.member for choice in values.values() for v in choice):
        for first in values[names[0]]:
            for second in values[names[1]]:
                made.append(Call(function, {names[0]: first, names[1]: second}, names))
    else:
        made.append(Call(function, valid, []))
        for name in names:
            for value in values[name]:
                if value is valid[name]:
                    continue
                beside = {n: v for n, v in value.beside.items() if n in names}
                made.append(Call(function, {**valid, **beside, name: value}, [name]))
    for call in made:
        call.why_not = reason(call)
    return made


def all_calls(headers):
    edges.check_known(headers)
    return [call for function in headers.functions for call in calls_of(function, headers)]


# ---- as C ----

def answer_of(function):
    """The C that says what the call has answered."""
    kind = function.result
    if function.creates:
        name = kind.replace(" *", "")
        return f'answer_made(w, "{name}", answer != NULL); if (answer != NULL) try_{name}(w, answer);'
    if kind == "void":
        return "answer_nothing(w);"
    simple = {"tg_status": "status", "int": "int", "size_t": "size", "uint64_t": "size", "double": "time", "const char *": "text",
              "const tg_error *": "error"}
    if kind in simple:
        return f"answer_{simple[kind]}(w, answer);"
    if kind.endswith("*"):
        return "answer_pointer(w, answer);"
    fail(f"{function.name}(): I do not know how to print a {kind}: see answer_of() in calls.py")


def write_call(call, number):
    function = call.function
    lines, after = [], []
    states, later = {}, False
    for value in call.arguments.values():
        lines += value.before
        after += value.after
        later |= value.later
        if value.state:
            states.setdefault(value.state[0], value.state[1])
            if value.state[1] == "GROUP_SHARED":
                states["group"] = "GROUP_SHARED"
    given = [call.arguments[name].code for _, name in function.parameters]
    if function.variadic:
        given.append("4711")
    text = f"({function.name})({', '.join(given)})"  # not a macro of this name, which sets a size
    if function.result == "void":
        lines.append(text + ";")
    else:
        kind = function.result + ("" if function.result.endswith("*") else " ")
        lines.append(f"{kind}answer = {text};")
    lines.append(answer_of(function))
    if function.name in AFTER:
        name = function.parameters[0][1]
        first = call.arguments[name].code
        lines.append(re.sub(rf"\b{name}\b", first, AFTER[function.name]) if first != "NULL" else "")
    if function.name in RETURNED:
        lines.append("w->code = answer;")
    lines += after
    if ENDS.fullmatch(function.name):
        handle = call.arguments[function.parameters[0][1]]
        if handle.state:
            lines.append(f"w->{handle.state[0]} = NULL;")
    body = "\n".join("    " + line for line in lines if line)
    settings = "".join(f", .{kind} = {state}" for kind, state in states.items())
    settings += ", .later = true" if later else ""
    return (f"static void call_{number}(struct world *w)\n{{\n    (void)w;\n{body}\n}}\n",
            f'    {{.number = {number}, .function = "{function.name}", .make = call_{number}{settings}}},\n')


def write(calls, path):
    functions, table = [], []
    for number, call in enumerate(calls):
        if call.why_not is None:
            function, row = write_call(call, number)
            functions.append(function)
            table.append(row)
    with open(path, "w", encoding="utf-8") as file:
        file.write('/* Written by calls.py from the public headers. */\n#include "world.h"\n\n')
        file.write("\n".join(functions))
        file.write("\nconst struct input_call input_calls[] = {\n" + "".join(table) + "};\n")
        file.write("const size_t input_call_count = sizeof input_calls / sizeof *input_calls;\n")
