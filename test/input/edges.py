# SPDX-License-Identifier: MIT
"""What each type, and where that says too little each parameter and member by name, is tried with.

Of the values of a parameter the first is the valid one, which it has while another one is at its edge. A type, a
struct, a kind of member or an enumerator that is not known here is an error with its name."""
import copy

from headers import fail

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1
SIZE_MAX = 2**64 - 1


class Value:
    """label: for people; code: the C expression; shown: how a message prints it; state: the object that it needs, as
    (member of struct world, state); before, after: C around the call; beside: what other parameters are meanwhile."""

    def __init__(self, label, code=None, shown=None, state=None, before=(), after=(), beside=None):
        self.label, self.code = label, label if code is None else code
        self.shown, self.state, self.beside = shown, state, beside or {}
        self.before, self.after = list(before), list(after)
        self.member, self.later = None, False  # of a struct; taken back before anybody waits for it


def number(value, name=None):
    return Value(name or str(value), None, str(value))


NULL = Value("NULL")
INT = [number(0), number(1), number(-1), number(INT_MIN, "INT_MIN"), number(INT_MAX, "INT_MAX")]
LONG = [number(0), number(1), number(-1), number(LONG_MIN, "LONG_MIN"), number(LONG_MAX, "LONG_MAX")]
SIZE = [number(0), number(1), number(2), number(SIZE_MAX // 2, "SIZE_MAX / 2"), number(SIZE_MAX, "SIZE_MAX")]
ID = [number(7), number(0), number(8), number(SIZE_MAX, "UINT64_MAX")]
SECONDS = [
    Value("0", "0.0", "0"), Value("-0.0", None, "-0"), Value("DBL_MIN", None, "2.22507e-308"),
    Value("1", "1.0", "1"), Value("TG_FOREVER", None, "1e+300"), Value("DBL_MAX", None, "1.79769e+308"),
    Value("infinity", "(double)INFINITY", "inf"), Value("-1", "-1.0", "-1"),
    Value("-infinity", "-(double)INFINITY", "-inf"), Value("NaN", "(double)NAN", "nan"),
]
TEXT = [
    Value('"a text"'), NULL, Value('""'), Value("conversions", '"%s%n%d 100%"'),
    Value("100000 bytes", "long_text"), Value("not UTF-8", '"\\xff\\xfe"'),
]
FORMAT = [  # compilers look at formats that they see
    Value('"%d"', "formats[0]"), Value("NULL", "formats[1]"), Value('""', "formats[2]"),
    Value("100000 bytes", "formats[3]"),
]
POINTER = [Value("a pointer", "w->bytes"), NULL]
LATER = ("1", "TG_FOREVER", "DBL_MAX", "infinity")  # times that no test waits for; 1 is a start in the past

# Each kind of handle: member of struct world, and its states (world.h) with their words in the table; valid first.
HANDLES = {
    "tg_group *": ("group", """
        NEW=new; EMPTY=empty; RUN=has run; FAILED=has failed; CANCELLED=cancelled; LOST=has lost an add; FULL=full;
        HELD=with a hold; RUNNING=running, in its task; DOOMED=destroyed, in its task; OVER_POOL=over a pool;
        LENT=over a pool, running; LENT_INSIDE=over a pool, in its task; OF_POOL=a pool's own, in its task"""),
    "tg_context *": ("context", """
        NEW=new; CANCELLED=cancelled; LATE=past its deadline; BELOW=below a cancelled one; OF_GROUP=a group's"""),
    "tg_limit *": ("limit", "NEW=new; USED=in use, in a task"),
    "tg_pool *": ("pool", "NEW=new; PAUSED=paused; CLOSED=closed; STOPPED=context cancelled; INSIDE=in its task"),
    "tg_hook *": ("hook", "NEW=new; FIRED=has been called; INSIDE=in its function"),
    "tg_task * self": ("task", "SELF=in its function; BODY=a scope's body; HOLD=a hold; ENDED=a handle"),
    "tg_task * handle": ("task", """
        ENDED=ended; QUEUED=queued; AWAY=deferred; INSIDE=queued, in a task of its pool; HOLD=a hold;
        SELF=no handle"""),
    "tg_task * hold": ("task", "HOLD=a hold; HOLD_DONE=a completed hold; SELF=no hold; ENDED=a handle"),
}
OPTIONS_HANDLES = ("new", "cancelled", "past its deadline", "closed", "context cancelled")  # in a struct's member

# A function to give for each type of callback (world.h).
CALLBACKS = {
    "tg_task_fn *": "task_fine", "tg_done_fn *": "done_fine", "tg_scope_fn *": "body_fine", "tg_hook_fn *": "hook_fine",
    "tg_worker_init_fn *": "init_fine", "tg_worker_fini_fn *": "fini_fine",
    "tg_stage_fn *": "stage_fine", "tg_stage_drop_fn *": "drop_fine",
}

# Structs that are read from `size` on, that are filled, and that are read without a size.
OPTIONS = {"tg_group_options", "tg_context_options", "tg_task_options", "tg_pool_options"}
ANSWERS = {"tg_outcome", "tg_report", "tg_pool_numbers", "tg_info"}
OTHERS = {"tg_call", "tg_stage", "tg_error"}

# Enumerators by prefix, and the members that they are for.
ENUMERATORS = {
    ("tg_group_options", "flags"): "TG_GROUP_", ("tg_pool_options", "flags"): "TG_GROUP_",
    ("tg_task_options", "flags"): "TG_TASK_", ("tg_call", "flags"): "TG_TASK_",
    ("tg_context_options", "signals"): "TG_SIGNAL_", ("tg_task_options", "when_full"): "TG_FULL_",
    ("tg_pool_options", "balance"): "TG_BALANCE_", ("tg_stage", "mode"): "TG_STAGE_",
}

# Edges of single members, beside those of their types; and what must be set for a member to have a meaning.
MORE = {
    ("tg_task_options", "priority"): (1000, 1001, -1000, -1001), ("tg_task_options", "attempts"): (65535, 65536, -2),
    ("tg_task_options", "copy"): (8,), ("tg_group_options", "queue"): (-2,), ("tg_pool_options", "queue"): (-2,),
    ("tg_group_options", "grainsize"): (-2,), ("tg_group_options", "threads"): (8193,),
    ("tg_pool_options", "threads"): (8193,), ("tg_pool_options", "shards"): (1025,),
}
BESIDE = {
    ("tg_group_options", "ahead"): {"flags": "TG_GROUP_IN_ORDER", "on_done": "done_fine"},
    ("tg_task_options", "backoff"): {"attempts": "2"},
    ("tg_task_options", "backoff_max"): {"attempts": "2", "backoff": "1"},
    ("tg_group_options", "TG_GROUP_IN_ORDER"): {"on_done": "done_fine"},
    ("tg_group_options", "all known"): {"on_done": "done_fine"},
    ("tg_task_options", "TG_TASK_BACKGROUND"): {"period": "1"},
    ("tg_group_options", "burst"): {"rate": "1e9"}, ("tg_pool_options", "burst"): {"rate": "1e9"},
}
BESIDE_OF_CREATORS = {  # policies refuse these
    ("tg_group_options", "results"): {"capacity": "2", "result_size": "8"},
    ("tg_group_options", "capacity"): {"result_size": "8"},
    ("tg_group_options", "result_size"): {"capacity": "2"},
}

# What is valid for a function, where that is not the first value of its kind.
VALID = {
    "tg_group_complete": {"group": "with a hold", "index": "2"}, "tg_group_start": {"group": "over a pool"},
    "tg_group_results": {"group": "has run"}, "tg_group_outcome": {"group": "has run"},
}

# Parameters that their type says too little about; "beside" of a value: other parameters meanwhile.
INDEX = [number(0), number(1), number(2), number(SIZE_MAX // 2, "SIZE_MAX / 2"), number(SIZE_MAX, "SIZE_MAX")]
NOWHERE = {"winners": NULL, "last": NULL}
MANY = [number(1), number(0), number(2)] + [
    Value(v.label, v.code, v.shown, beside=NOWHERE) for v in SIZE if "MAX" in v.label]
PARAMETERS = {
    ("size_t", "index"): INDEX, ("size_t", "rank"): INDEX, ("const char *", "format"): FORMAT,
    ("size_t", "count"): [SIZE[2]] + SIZE[:2] + SIZE[3:], ("size_t", "stride"): [number(8)] + SIZE,
    ("size_t", "budget"): SIZE[1:] + SIZE[:1], ("size_t", "weight"): SIZE[1:] + SIZE[:1], ("size_t", "result_size"): [number(8)] + SIZE,
    ("long", "limit"): LONG[1:] + LONG[:1], ("size_t", "need"): MANY, ("size_t", "many"): MANY,
    ("int", "code"): [number(5)] + INT, ("int", "threads"): INT[1:] + INT[:1] + [number(8193)],
    ("const void *", "items"): [Value("two", "w->items"), NULL],
    ("const tg_error *", "previous"): [NULL, Value("the first", "tg_group_error_next(w->group, NULL)")],
}
CALLS_COUNT = [number(2), number(0), number(1)]  # more than there are calls is not the library's to know
TASKS_COUNT = [number(1), number(0), number(2)]

# Where a function without a `self` behaves differently inside of tasks.
PLACES = [
    Value("in a task", "", state=("task", "TASK_SELF")), Value("in a scope's body", "", state=("task", "TASK_BODY")),
    Value("outside of a task", ""),
]
PLACED = ("tg_task_current", "tg_task_abort", "tg_task_abort_text", "tg_error_last")


def states(kind):
    member, text = HANDLES[kind]
    values = []
    for part in " ".join(text.split()).split("; "):
        state, label = part.split("=")
        values.append(Value(label, f"w->{member}", state=(member, f"{member.upper()}_{state}")))
    return values + [NULL]


def callback(kind):
    if kind not in CALLBACKS:
        fail(f"no function to give for a {kind}: add one to CALLBACKS in edges.py, and to world.c")
    return Value("a function", CALLBACKS[kind])


# ---- structs ----

class Edge(Value):
    """Of a parameter that points to a struct."""

    def __init__(self, name, struct, label, made, room=None, **more):
        place = f"guarded(&{name}, {room or f'sizeof {name}'})"
        if room in ("0", "1"):
            place = f"guarded_newer(&{name}, sizeof {name}, {room})"
        super().__init__(label, f"{name}_at", before=[made, f"{struct} *{name}_at = {place};"], **more)


def enumerators(key, kind, headers):
    known = [e for e in headers.enumerators if e.startswith(ENUMERATORS[key])]
    if not known:
        fail(f"no enumerator begins with {ENUMERATORS[key]}")
    if kind == "int":
        return [Value(e) for e in known] + [number(len(known))] + INT[2:]
    bits = [Value(e, f"(unsigned){e}") for e in known] + [Value("all known", "(unsigned)(" + " | ".join(known) + ")")]
    unknown = [Value(f"1 << {bit}", f"1u << {bit}", hex(1 << bit)) for bit in (len(known), 31)]
    return [Value("0")] + bits + unknown + [Value("UINT_MAX", None, "0xffffffff")]


def member_values(struct, kind, name, headers):
    key = (struct.name, name)
    simple = {
        "int": INT, "long": LONG, "size_t": SIZE, "double": SECONDS, "const char *": TEXT, "uint64_t": ID,
        "void *": POINTER, "const void *": POINTER, "tg_status": [Value("4711", "(tg_status)4711")],
    }
    if key in ENUMERATORS:
        return enumerators(key, kind, headers)
    if kind in simple:
        return simple[kind] + [number(n) for n in MORE.get(key, ())]
    if kind.endswith("_fn *"):
        return [callback(kind), NULL]
    if kind in HANDLES:
        return [v for v in states(kind) if v.label in OPTIONS_HANDLES] + [NULL]
    fail(f"no edges known for {struct.name}.{name}, a {kind}: see member_values() in edges.py")


def members(struct, name, made, at, headers, creates=False):
    """Each member at each edge alone, but for what gives it a meaning."""
    besides = {**BESIDE, **BESIDE_OF_CREATORS} if creates else BESIDE
    for kind, member in struct.members:
        if member in ("size", "by_name"):
            continue
        for value in member_values(struct, kind, member, headers):
            beside = besides.get((struct.name, member)) or besides.get((struct.name, value.label)) or {}
            settings = "".join(f" {at}{m} = {v};" for m, v in {**beside, member: value.code}.items())
            edge = Edge(name, struct.name, value.label, made + settings, shown=value.shown, state=value.state)
            edge.member = member
            edge.later = value.label in (LATER if member == "delay" else LATER[1:] if member == "start" else ())
            yield edge


def sizes(struct, name, make):
    """A struct of every size that makes sense, and some that do not; nothing can be touched beyond it."""
    last = f"offsetof({struct.name}, {struct.members[-1][1]})"
    for label, size, room, shown in (
            ("size 0", "0", "8", "0"), ("size 7", "7", "8", "7"), ("size only", "8", "8", None),
            (f"size to {struct.members[-1][1]}", last, last, None), ("newer", "0", "0", None),
            ("newer, tail used", "0", "1", None), ("size SIZE_MAX / 2", "SIZE_MAX / 2", None, str(SIZE_MAX // 2)),
            ("size SIZE_MAX", "SIZE_MAX", None, str(SIZE_MAX))):
        yield Edge(name, struct.name, label, make(size), room, shown=shown)


def options_values(struct, name, headers, function):
    def make(size):
        return f"{struct.name} {name} = {{.size = {size}}};"
    yield Edge(name, struct.name, "defaults", make(f"sizeof {name}"))
    yield NULL
    yield from sizes(struct, name, make)
    shared = ("group", "GROUP_SHARED")
    for edge in members(struct, name, make(f"sizeof {name}"), f"{name}.", headers, function.creates):
        yield edge
        if edge.member == "weight" and ("tg_group *", "group") in function.parameters:
            edge = copy.copy(edge)
            edge.label, edge.state = edge.label + ", shared limit of 1", shared
            yield edge


def answer_values(struct, name):
    def make(size):
        return f"POISONED({struct.name}, {name}, {size});"
    for edge in [Edge(name, struct.name, "there", make(f"sizeof {name}"))] + list(sizes(struct, name, make)):
        edge.after = [f'answer_{struct.name}(w, "{name}", {name}_at, sizeof {name});']
        yield edge
    yield NULL


def calls_values(struct, name, headers):
    first = "{.function = task_fine, .arg = w->items, .result = w->bytes, .code = 77, .status = 77}"
    other = '{.function = task_fine, .name = "other", .code = 77, .status = 77}'
    made = f"tg_call {name}[2] = {{{first}, {other}}};"
    for edge in [Edge(name, "tg_call", "two", made)] + list(members(struct, name, made, f"{name}[0].", headers)):
        edge.after = [f"answer_calls(w, {name}_at, 2);"]
        yield edge
    yield NULL


def stages_values(struct, name, headers):
    made = f'tg_stage {name}[2] = {{{{.function = stage_fine}}, {{.function = stage_fine, .name = "other"}}}};'
    yield Edge(name, "tg_stage", "two", made)
    yield from members(struct, name, made, f"{name}[0].", headers)
    yield NULL


# ---- parameters ----

def parameter_values(function, kind, name, headers):
    struct = headers.structs.get(kind.replace("const ", "").replace(" *", ""))
    simple = {
        "size_t": SIZE, "int": INT, "double": SECONDS, "const char *": TEXT, "const void *": POINTER,
        "void *": POINTER, "uint64_t": ID, "tg_status": [Value("TG_OK"), Value("4711", "(tg_status)4711"),
                                                         Value("-1", "(tg_status)-1")],
    }
    if kind in ("tg_task *", "const tg_task *"):
        role = "self" if name == "self" else "hold" if function.name == "tg_task_complete" else "handle"
        return states(f"tg_task * {role}")
    if kind.replace("const ", "") in HANDLES:
        return states(kind.replace("const ", ""))
    if kind == "const tg_stage *":
        return list(stages_values(struct, name, headers))
    if name == "count" and any(k == "const tg_stage *" for k, _ in function.parameters):
        return CALLS_COUNT
    if kind == "tg_call *":
        return list(calls_values(struct, name, headers))
    if name == "count" and any(k == "tg_call *" for k, _ in function.parameters):
        return CALLS_COUNT
    if kind == "tg_task *const *":  # one handle, then NULL
        made = copy.deepcopy(states("tg_task * handle")[:-1])
        for value in made:
            value.code = f"((tg_task *const[]){{{value.code}, NULL}})"
        return made + [NULL, Value("two NULLs", "((tg_task *const[]){NULL, NULL})")]
    if name == "count" and any(k == "tg_task *const *" for k, _ in function.parameters):
        return TASKS_COUNT
    if (kind, name) in PARAMETERS:
        return PARAMETERS[kind, name]
    if kind in ("size_t *", "tg_task **"):
        out = "task" if kind == "tg_task **" else "winner" if name in ("winner", "winners", "last") else "index"
        poisoned = f"tg_task *{name}[4] = {{POISON_TASK}};" if out == "task" else f"size_t {name}[4] = {{POISON}};"
        there = Value("there", name, before=[poisoned],
                      after=[f'answer_out_{out}(w, "{name}", {name}[0]);'])
        return [there, NULL]
    if struct and kind.startswith("const ") and struct.name in OPTIONS:
        return list(options_values(struct, name, headers, function))
    if struct and struct.name in ANSWERS:
        return list(answer_values(struct, name))
    if kind.endswith("_fn *"):
        return [callback(kind), NULL]
    if kind in simple:
        return simple[kind]
    fail(f"{function.name}(): no edges known for {name}, a {kind}: see parameter_values() in edges.py")


def check_known(headers):
    """Nothing in the headers that this file has not heard of."""
    for name in set(headers.structs) - OPTIONS - ANSWERS - OTHERS:
        fail(f"the struct {name} is neither options nor an answer: see edges.py")
    for name in headers.enumerators:
        if not any(name.startswith(prefix) for prefix in ENUMERATORS.values()):
            fail(f"{name} is for no member that edges.py knows: see ENUMERATORS")
    for name in headers.callbacks:
        callback(name + " *")
    for name in headers.handles:
        if not any(kind.startswith(name + " *") for kind in HANDLES):
            fail(f"no states known of the handle {name}: see HANDLES in edges.py")
