#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "catch.h"
#include "shards/make_shards.h"
#include "support.h"

// What README.md of src/shards promises, checked by another program: h5py.

namespace mosaic::test {
namespace {

struct Output {
  int status;
  std::string text;  // standard output and standard error
};

Output run_python(const std::string& python, const std::string& script, const std::string& folder) {
  const std::string command = str("cd '", folder, "' && '", python, "' '", script, "' 2>&1");
  FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe);
  Output out{};
  char buffer[4096];
  while (const std::size_t got = std::fread(buffer, 1, sizeof(buffer), pipe)) out.text.append(buffer, got);
  out.status = ::pclose(pipe);
  return out;
}

/// A Python that has h5py, numpy and Pillow, or "" after saying that the test is skipped.
std::string python_with_h5py(const TemporaryFolder& folder) {
  write_text(folder / "try.py", "import h5py, numpy, PIL.Image");
  for (const auto& python : {source_folder() + "/.venv/bin/python", std::string("python3")})
    if (run_python(python, folder / "try.py", folder.path()).status == 0) return python;
  say_skipped("no Python with h5py, numpy and Pillow");
  return "";
}

std::string example_of_readme() {
  const std::string readme = read_text(source_folder() + "/src/shards/README.md");
  const std::string fence = "```python\n";
  const auto begin = readme.find(fence);
  REQUIRE(begin != std::string::npos);
  return readme.substr(begin + fence.size(), readme.find("```", begin + fence.size()) - begin - fence.size());
}

TEST_CASE("the h5py example of the README reads a shard", "[shards]") {
  const TemporaryFolder folder;
  const std::string python = python_with_h5py(folder);
  if (python.empty()) return;
  write_shards(folder.path(), "train", some_samples(3), 3);
  write_text(folder / "example.py", example_of_readme());

  const Output out = run_python(python, folder / "example.py", folder.path());

  CHECK(out.text == "cat cat/0.png (2, 3, 3)\n");
  CHECK(out.status == 0);
}

TEST_CASE("h5py finds the documented layout: types, alignment, padding, attributes", "[shards]") {
  const TemporaryFolder folder;
  const std::string python = python_with_h5py(folder);
  if (python.empty()) return;
  write_shards(folder.path(), "train", some_samples(300), 200);
  write_text(folder / "layout.py", R"(
import h5py, os
for name, samples in (("train-00000.h5", 200), ("train-00001.h5", 100)):
    f = h5py.File(name, locking=False)
    types = dict(bytes="<u1", offsets="<u8", sizes="<u8", labels="<i4", widths="<u4", heights="<u4", kinds="<u1", crc32c="<u4")
    assert set(f) == set(types) | {"class_names", "source_names"}
    for key, column in f.items():
        assert column.ndim == 1 and column.chunks is None and column.compression is None
        if key in types: assert column.dtype == types[key], key
        else: assert column.dtype.kind == "S" and h5py.check_string_dtype(column.dtype).encoding == "utf-8", key
        if key not in ("bytes", "class_names"): assert len(column) == samples, key
    pool, offsets, sizes = f["bytes"], f["offsets"][:], f["sizes"][:]
    assert pool.id.get_offset() % 4096 == 0 and len(pool) % 4096 == 0 and (offsets % 64 == 0).all()
    assert pool.id.get_offset() + len(pool) <= os.path.getsize(name)
    end = int(offsets[-1] + sizes[-1])
    assert len(pool) - end >= 4096
    used = bytearray(len(pool))
    for o, s in zip(offsets, sizes): used[o : o + s] = b"x" * int(s)
    assert all(b == 0 for b, u in zip(pool[:].tolist(), used) if not u)
    a = dict(f.attrs)
    assert a["format"] == b"mosaic_resnet shard" and a["format_version"] == 1 and a["split"] == b"train", a
    assert a["shard"] == int(name[6:11]) and a["shards"] == 2 and a["samples"] == samples and a["samples_total"] == 300, a
    assert len(a["fingerprint"]) == 64 and a["fingerprint"].strip(b"0") != b"", a
print("as documented")
)");

  const Output out = run_python(python, folder / "layout.py", folder.path());

  CHECK(out.text == "as documented\n");
}

}  // namespace
}  // namespace mosaic::test
