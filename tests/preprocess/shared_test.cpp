#include <filesystem>
#include <map>
#include <sstream>

#include "base/error.h"
#include "base/sha256.h"
#include "catch.h"
#include "image/decode.h"
#include "preprocess/image_files.h"
#include "preprocess/run_preprocess.h"
#include "shards/make_shards.h"
#include "shards/shard_set.h"
#include "support.h"

namespace mosaic::test {
namespace {

namespace fs = std::filesystem;

/// The table of odd files: its rows by file name, each a map from column to cell.
std::map<std::string, std::map<std::string, std::string>> read_index(const std::string& path) {
  const auto cells_of = [](const std::string& line) {
    std::vector<std::string> cells;
    std::istringstream in(line);
    for (std::string cell; std::getline(in, cell, '\t');) cells.push_back(cell);
    return cells;
  };
  std::istringstream in(read_text(path));
  std::string line;
  std::getline(in, line);
  const auto columns = cells_of(line);
  std::map<std::string, std::map<std::string, std::string>> rows;
  while (std::getline(in, line)) {
    const auto cells = cells_of(line);
    auto& row = rows[fs::path(cells.at(0)).filename().string()];
    for (std::size_t c = 0; c < cells.size(); ++c) row[columns.at(c)] = cells[c];
  }
  return rows;
}

TEST_CASE("odd files get the verdict and the pixels that Pillow gives them", "[preprocess][shared]") {
  const auto odd = shared_path("data/odd");
  if (!odd) return;
  auto index = read_index(*odd + "/INDEX.tsv");
  REQUIRE(index.size() == 70);
  index.at("gif_plain.JPEG")["pillow_rgb_sha256"] = "";  // not one of our formats
  const TemporaryFolder root;

  const Outcome outcome = run_preprocess({"pack", *odd, root / "out", "--split", "open", "--skip-bad", "70"});

  REQUIRE(outcome.exit_code == 0);
  std::map<std::string, std::string> pixels;
  const ShardSet shards(root / "out", "open");
  int packed = 0;
  for (std::int64_t i = 0; i < shards.size(); ++i) {
    packed += shards.kind(i) == StoredKind::kPackedJpeg;
    REQUIRE(run_preprocess(
                {"show", root / "out", "--split", "open", "--sample", std::to_string(i), "--out", root / "F.ppm"})
                .exit_code == 0);
    const Image shown = read_ppm(root / "F.ppm");
    Sha256 sha;
    sha.add(std::as_bytes(std::span(shown.rgb)));
    pixels[shards.source_name(i)] = sha.hex();
  }
  int bad = 0;
  for (auto& [name, row] : index) {
    INFO(name << ": " << row["what_is_odd"]);
    // In one fuzzed file most data is missing, and libjpeg-turbo 2 (djpeg's column) and 3 (Pillow's) fill it in differently.
    const bool versions_differ = row["djpeg_same_as_pillow"] == "no" && pixels[name] == row["djpeg_rgb_sha256"];
    CHECK((pixels[name] == row["pillow_rgb_sha256"] || versions_differ));
    const bool listed = outcome.err.find("bad: " + *odd + "/open/" + name + ": ") != std::string::npos;
    CHECK(listed == row["pillow_rgb_sha256"].empty());
    bad += listed;
  }
  CHECK(bad + shards.size() == 70);
  CHECK(packed == 26);
  CHECK(run_preprocess({"pack", *odd, root / "out2", "--split", "open", "--skip-bad", std::to_string(bad - 1)})
            .exit_code == kExitBadInput);
}

TEST_CASE("real photos pack, verify, and export with the same pixels", "[preprocess][shared]") {
  for (const auto& [name, train_images, val_images] :
       {std::tuple{"data/imagenette", 2800, 900}, std::tuple{"data/imagewoof", 1250, 400}}) {
    const auto source = shared_path(name);
    if (!source) return;
    const TemporaryFolder root;
    REQUIRE(run_preprocess({"pack", *source, root / "out", "--shard-size", "10MiB"}).exit_code == 0);
    const Outcome verified = run_preprocess({"verify", root / "out"});
    CHECK(verified.exit_code == 0);
    REQUIRE(run_preprocess({"export", root / "out", root / "files"}).exit_code == 0);

    for (const std::string split : {"train", "val"}) {
      const ShardSet shards(root / "out", split);
      CHECK(shards.size() == (split == "train" ? train_images : val_images));
      std::int64_t different = 0, packed = 0;
      for (std::int64_t i = 0; i < shards.size(); ++i) {
        const std::string file = split + "/" + shards.source_name(i);
        const std::string exported = read_text(root / "files/" + file), original = read_text(*source + "/" + file);
        different +=
            decode_file(std::as_bytes(std::span(exported))).rgb != decode_file(std::as_bytes(std::span(original))).rgb;
        packed += shards.kind(i) == StoredKind::kPackedJpeg;
      }
      CHECK(different == 0);
      CHECK(packed > shards.size() * 9 / 10);
    }
    REQUIRE(run_preprocess({"pack", root / "files", root / "again", "--threads", "1"}).exit_code == 0);
    CHECK(ShardSet(root / "again", "train").fingerprint() == ShardSet(root / "out", "train").fingerprint());
  }
}

}  // namespace
}  // namespace mosaic::test
