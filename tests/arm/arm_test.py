"""base/ and packed/ on another kind of processor: compiled for 64-bit ARM without a warning, their tests run in an emulator.

Skipped without a cross compiler and an emulator (Debian: g++-aarch64-linux-gnu, qemu-user). $MOSAIC_CATCH: the folder that holds Catch2.
"""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPILER = shutil.which("aarch64-linux-gnu-g++")
EMULATOR = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
FLAGS = ["-std=c++20", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wno-sign-conversion", "-Wno-missing-field-initializers",
         "-Werror", "-ffp-contract=off", f"-I{ROOT}/src", f"-I{ROOT}/tests"]

COMPILED = [*(ROOT / "src/packed").glob("*.cpp"), *(ROOT / "src/base").glob("*.cpp")]
NEED_OTHERS = {"base64.cpp", "log.cpp", "sha256.cpp", "version.cpp"}  # spdlog and OpenSSL, not there for the other processor; what a build writes
NOT_LINKED = {"pack_jpeg.cpp", "file.cpp", "disk_space.cpp", "node_memory.cpp", "stop_signal.cpp"}  # need those, or libjpeg
TESTS = ["src/image/resize.cpp", "src/image/stored_pixels.cpp", "tests/packed/coefficient_images.cpp", "tests/arm/main.cpp",
         "tests/packed/portable_test.cpp", "tests/packed/kernels_test.cpp", "tests/packed/damage_test.cpp"]


def compile(source, folder):
    made = folder / f"{source.parent.name}-{source.stem}.o"
    subprocess.run([COMPILER, *FLAGS, f"-isystem{folder}/include", "-c", source, "-o", made], check=True)
    return made


def main():
    folders = (os.environ.get("MOSAIC_CATCH", ""), "/usr/include", "/usr/local/include")
    catch = next((path for path in folders if (pathlib.Path(path) / "catch2/catch.hpp").exists()), None)
    if not (COMPILER and EMULATOR and catch):
        print("skipped: needs aarch64-linux-gnu-g++, qemu-aarch64 and the header of Catch2 2")
        return 0
    with tempfile.TemporaryDirectory(prefix="mosaic-test-") as name:
        folder = pathlib.Path(name)
        (folder / "include").mkdir()
        (folder / "include/catch2").symlink_to(f"{catch}/catch2")  # alone: what lies beside it is for this processor
        sources = [path for path in COMPILED if path.name not in NEED_OTHERS] + [ROOT / path for path in TESTS]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            objects = dict(zip(sources, pool.map(lambda source: compile(source, folder), sources)))
        linked = [made for source, made in objects.items() if source.name not in NOT_LINKED]
        program = folder / "tests"
        subprocess.run([COMPILER, "-static", *linked, "-o", program], check=True)
        return subprocess.run([EMULATOR, program]).returncode


sys.exit(main())
