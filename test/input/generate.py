#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""generate.py INCLUDE FILE: writes the C program's calls."""
import sys

import calls
from headers import Headers

calls.write(calls.all_calls(Headers(sys.argv[1])), sys.argv[2])
