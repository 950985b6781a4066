#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""forgotten.py INCLUDE: whatever is added to the headers is tried, or missed by name.

Adds one thing after another to a copy of them, and looks what the generator says."""
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

OPTIONS = "typedef struct tg_pool_options {"
NEW = (
    # what is added, before which text (None: at the end), what must be named
    ("TG_API int tg_new(struct tg_odd odd);", None, "tg_new"),
    ("TG_API tg_status tg_new(tg_pool *pool, float factor);", None, "factor"),
    ("TG_API float tg_new(tg_pool *pool);", None, "tg_new"),
    ("int tg_new(void);", None, "tg_new"),
    ("float new_member;", OPTIONS, "new_member"),
    ("tg_new_fn *member;", OPTIONS, "tg_new_fn"),
    ("enum { TG_NEW_FLAG = 1 };", None, "TG_NEW_FLAG"),
    ("typedef struct tg_new tg_new;", None, "tg_new"),
    ("typedef struct tg_new { size_t size; } tg_new;", None, "tg_new"),
    ("typedef void tg_new_fn(int);", None, "tg_new_fn"),
    ("extern int tg_new;", None, "tg_new"),
)
KNOWN = (  # made without a word
    ("TG_API tg_status tg_new(tg_pool *pool, size_t number, const char *text);", None, "(tg_new)(w->pool, SIZE_MAX, "),
    ("double new_member;", OPTIONS, ".new_member = (double)NAN;"),
)


def generate(include, addition, before):
    with tempfile.TemporaryDirectory() as folder:
        copy, calls = Path(folder) / "include", Path(folder) / "calls.c"
        shutil.copytree(include, copy)
        header = copy / "taskgroup" / "pool.h"
        text = header.read_text(encoding="utf-8")
        header.write_text(text.replace(before, before + addition) if before else text + addition, encoding="utf-8")
        generator = [sys.executable, "-B", str(Path(__file__).parent / "generate.py"), str(copy), str(calls)]
        done = subprocess.run(generator, stderr=subprocess.PIPE, encoding="utf-8")
        return done.returncode, done.stderr, calls.read_text(encoding="utf-8") if calls.exists() else ""


wrong = 0
for addition, before, named in NEW:
    code, said, _ = generate(sys.argv[1], addition, before)
    if code == 0 or named not in said or "Traceback" in said:
        print(f"{addition}\n  was passed over, or not named: {said}")
        wrong += 1
for addition, before, made in KNOWN:
    code, said, calls = generate(sys.argv[1], addition, before)
    if code != 0 or made not in calls:
        print(f"{addition}\n  is not tried as '{made}': {said}")
        wrong += 1
print(f"{len(NEW) + len(KNOWN)} additions, {wrong} of them overlooked")
sys.exit(wrong != 0)
