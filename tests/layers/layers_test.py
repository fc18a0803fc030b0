#!/usr/bin/env python3
"""Compare every #include of src/ and preprocess/ with the two tables of src/README.md, and then this test with itself: planted
violations must be found.

usage: layers_test.py REPOSITORY
"""

import pathlib
import re
import shutil
import sys
import tempfile

# Headers of the C library and the system; everything else with a dot or a slash in its name belongs to some library.
SYSTEM = re.compile(r"(sys|linux)/.*\.h|(arm_acle|cpuid|dlfcn|fcntl|immintrin|malloc|nmmintrin|poll|pthread|pwd|sched|setjmp|signal|unistd|x86intrin)\.h")
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


def rows(readme, heading):
    """The cells of the table under `heading`, without its two header lines, backticks removed."""
    section = readme.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines[2:]]


def read_tables(root):
    readme = (root / "src" / "README.md").read_text()
    above, uses = [], {}
    for folder, used, _ in rows(readme, "Folders"):
        name = folder.rstrip("/")
        uses[name] = list(above) if used == "all above" else used.replace("-", "").replace(",", " ").split()
        above.append(name)
    libraries = []  # (pattern of the header's name, folders)
    for _, headers, folders in rows(readme, "Libraries"):
        for header in headers.split():
            libraries.append((re.compile(re.escape(header).replace(r"\*", ".*")), folders.split()))
    return uses, libraries


def sources(root):
    """Yield (path below root, row of the table, text)."""
    for top in ("src", "preprocess"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in (".h", ".cpp", ".cu", ".cuh", ".hpp", ".cc"):
                continue
            parts = path.relative_to(root).parts
            yield "/".join(parts), parts[0] if top == "preprocess" else parts[1], path.read_text()


def check_include(own, theirs, uses):
    if "/" not in theirs:
        return "expected the folder before the name, FOLDER/FILE.h"
    folder = theirs.split("/")[0]
    if folder not in uses:
        return f"no row {folder}/ in the table"
    if folder != own and folder not in uses[own]:
        return f"{own} may use {', '.join(uses[own]) or 'nothing'}"
    return None


def check_library(own, header, libraries, path):
    if header == "torch/torch.h" and path.endswith(".h"):
        return "takes 14 s to compile: headers include <ATen/core/Tensor.h>"
    for pattern, folders in libraries:
        if pattern.fullmatch(header):
            return None if own in folders else f"only {', '.join(folders)} may use it"
    if ("." in header or "/" in header) and not SYSTEM.fullmatch(header):
        return "of no library in the table"
    return None


def check(root):
    """What is wrong in the tree below `root`, one line each."""
    uses, libraries = read_tables(root)
    problems = []
    order = list(uses)
    for folder, used in uses.items():
        for other in used:
            if other not in order[: order.index(folder)]:
                problems.append(f"src/README.md: {folder} uses {other}, which stands below it or nowhere")
    seen = set()
    for path, own, text in sources(root):
        seen.add(own)
        if own not in uses:
            problems.append(f"{path}: no row {own}/ in the table")
            continue
        for match in INCLUDE.finditer(text):
            ours, library = match.groups()
            reason = check_include(own, ours, uses) if ours else check_library(own, library, libraries, path)
            if reason:
                line = text.count("\n", 0, match.start(1 if ours else 2)) + 1
                problems.append(f"{path}:{line}: includes {ours or library}: {reason}")
    problems += [f"src/README.md: {folder}: no source file there" for folder in uses if folder not in seen]
    for folder in uses:
        cmake = root / "src" / folder / "CMakeLists.txt"
        linked = re.search(r"mosaic_library\(\w+(?:\s+USES([a-z\s]*))?", cmake.read_text()) if cmake.exists() else None
        if linked and set((linked[1] or "").split()) != set(uses[folder]):
            problems.append(f"src/{folder}/CMakeLists.txt: USES{(linked[1] or ' nothing').rstrip()}, expected {' '.join(uses[folder])}")
    return problems


# file, what is put before its text, what must be said
PLANTED = [
    ("src/base/error.h", '#include "config/config.h"\n', "base may use nothing"),
    ("src/image/image.h", '#  include "shards/format.h"\n', "image may use base, config"),
    ("src/model/loss.h", '#include "optim/sgd.h"\n', "model may use base, config"),
    ("preprocess/planted.cpp", '#include "train/train.h"\n', "preprocess may use"),
    ("src/batch/loader.cpp", '#include "loader.h"\n', "expected the folder"),
    ("src/batch/loader.cpp", '#include "nowhere/loader.h"\n', "no row nowhere/"),
    ("src/batch/loader.cpp", "#include <ATen/ATen.h>\n", "only device, model, optim, train, preflight"),
    ("src/weights/safetensors.cpp", "#include <c10/util/Half.h>\n", "only device, model, optim, train, preflight"),
    ("src/train/train.h", "#include <torch/torch.h>\n", "takes 14 s"),
    ("src/shards/format.cpp", "#include <mpi.h>\n", "only comm may use it"),
    ("src/train/train.cpp", "#include <nccl.h>\n", "only comm may use it"),
    ("preprocess/planted.cpp", "#include <hdf5.h>\n", "only shards may use it"),
    ("src/config/config.h", "#include <spdlog/spdlog.h>\n", "only base may use it"),
    ("src/base/log.h", "#include <boost/any.hpp>\n", "of no library"),
    ("src/planted/new.h", "", "no row planted/"),
]


def check_that_planted_violations_are_found(root):
    failures = []
    for path, line, sentence in PLANTED:
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder)
            for top in ("src", "preprocess"):
                shutil.copytree(root / top, copy / top)
            file = copy / path
            file.parent.mkdir(exist_ok=True)
            file.write_text(line + (file.read_text() if file.exists() else ""))
            found = [problem for problem in check(copy) if problem.startswith(path) and sentence in problem]
            if not found:
                failures.append(f"self-test: {line.strip() or 'a new folder'} in {path} was not found")
    return failures


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = pathlib.Path(sys.argv[1])
    problems = check(root) or check_that_planted_violations_are_found(root)
    print("\n".join(problems) or f"layers: all includes follow src/README.md; {len(PLANTED)} planted violations were found")
    sys.exit(1 if problems else 0)


main()
