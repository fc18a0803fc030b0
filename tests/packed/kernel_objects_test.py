#!/usr/bin/env python3
"""Look into the object files that are compiled for one instruction set: none may hold code that runs, or that others call, before
the processor is known. That is code of static initialisers, and inline functions and instances of templates that the linker may
choose for the whole program. And those for AMX, which few machines can run, must hold its instructions.

usage: kernel_objects_test.py OBJECT...
"""

import os
import subprocess
import sys


def faults(path):
    found = []
    for line in subprocess.run(["nm", "-C", path], check=True, capture_output=True, text=True).stdout.splitlines():
        kind, name = line[17:18], line[19:]
        if "_GLOBAL__" in name or "static_initialization" in name:
            found.append(f"runs at start-up: {name}")
        elif kind == "W":
            found.append(f"shared with other files: {name}")
        elif kind in "Tt" and "mosaic::" not in name and "(anonymous namespace)" not in name:
            found.append(f"a function of none of our namespaces: {name}")
    sections = subprocess.run(["readelf", "-SW", path], check=True, capture_output=True, text=True).stdout
    for section in (".init_array", ".ctors", ".preinit_array"):
        if section in sections:
            found.append(f"has a section {section}")
    if os.path.basename(path).startswith("amx"):
        code = subprocess.run(["objdump", "-d", path], check=True, capture_output=True, text=True).stdout
        found += [f"without {word}" for word in ("ldtilecfg", "tileloadd", "tdpbf16ps", "tilestored", "tilerelease") if word not in code]
    return [f"{path}: {fault}" for fault in found]


if len(sys.argv) < 2:
    sys.exit("expected object files")
problems = [fault for path in sys.argv[1:] for fault in faults(path)]
print("\n".join(problems) or f"{len(sys.argv) - 1} objects, nothing in them runs before dispatch")
sys.exit(1 if problems else 0)
