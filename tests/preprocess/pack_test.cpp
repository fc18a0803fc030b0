#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "catch.h"
#include "image/decode.h"
#include "image/resize.h"
#include "packed/stored_decoder.h"
#include "preprocess/image_files.h"
#include "preprocess/run_preprocess.h"
#include "shards/format.h"
#include "shards/make_shards.h"
#include "shards/shard_set.h"
#include "shards/small_disk.h"
#include "support.h"

namespace mosaic::test {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;

std::size_t files_in(const std::string& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

/// The pixels of the JPEG file `name` of the corpus.
Image corpus_pixels(const std::string& name) {
  return decode_file(read_file(source_folder() + "/tests/corpus/images/" + name));
}

Image pixels_of(const ShardSet& shards, std::int64_t sample) {
  std::vector<std::byte> buffer;
  Image image;
  StoredDecoder().decode(shards.read(sample, buffer), image);
  return image;
}

TEST_CASE("packing packs JPEG files without loss and stores other formats as pixels, class by class", "[preprocess]") {
  const TemporaryFolder root;
  write_small_folder(root / "in", 2);
  copy_corpus_image("420.jpg", root / "in/train/b/called.png");  // a JPEG by its content

  const Outcome outcome = run_preprocess({"pack", root / "in", root / "out"});

  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  const ShardSet train(root / "out", "train"), val(root / "out", "val");
  CHECK(train.class_names() == std::vector<std::string>{"a", "b"});
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < train.size(); ++i) names.push_back(train.source_name(i));
  CHECK(names == std::vector<std::string>{"a/0.ppm", "a/1.ppm", "a/photo.JPEG", "a/deeper/picture.bmp", "b/0.ppm",
                                          "b/1.ppm", "b/called.png", "b/photo.JPEG", "b/deeper/picture.bmp"});
  CHECK(train.label(3) == 0);
  CHECK(train.label(4) == 1);
  CHECK(val.size() == 6);

  const Image decoded = corpus_pixels("420.jpg");
  CHECK(train.kind(2) == StoredKind::kPackedJpeg);
  CHECK(train.kind(6) == StoredKind::kPackedJpeg);
  CHECK(pixels_of(train, 2).rgb == decoded.rgb);
  CHECK(read_bytes(train, 6) == read_bytes(train, 2));
  CHECK(train.width(2) == decoded.width);
  CHECK(train.height(2) == decoded.height);
  const Image bmp = picture(9, 7, 3);
  CHECK(train.kind(3) == StoredKind::kPixels);
  CHECK(train.width(3) == 9);
  CHECK(read_bytes(train, 3) == std::string(bmp.rgb.begin(), bmp.rgb.end()));

  CHECK_THAT(outcome.out,
             Contains("images                    9        6\n") && Contains("packed JPEG files         3        2\n"));
  CHECK_THAT(outcome.out, Contains("fingerprint of train: " + train.fingerprint()));
  CHECK(outcome.err.find('\r') == std::string::npos);  // no bar where there is no terminal
  CHECK(fs::exists(root / "out/train.journal"));
  CHECK(files_in(root / "out") == 4);
}

TEST_CASE("with --keep-files JPEG files are stored byte for byte", "[preprocess]") {
  const TemporaryFolder root;
  write_small_folder(root / "in", 2);
  const Outcome outcome = run_preprocess({"pack", root / "in", root / "out", "--keep-files"});
  REQUIRE(outcome.exit_code == 0);
  const ShardSet train(root / "out", "train");
  CHECK(train.kind(2) == StoredKind::kJpegFile);
  CHECK(read_bytes(train, 2) == read_text(source_folder() + "/tests/corpus/images/420.jpg"));
  CHECK_THAT(outcome.out,
             Contains("packed JPEG files         0        0\n") && Contains("whole JPEG files          2        2\n"));

  const Outcome packed = run_preprocess({"pack", root / "in", root / "out"});
  CHECK(packed.exit_code == kExitBadInput);  // other options, and so other bytes
  CHECK_THAT(packed.err, Contains("with other options"));
}

TEST_CASE("the summary as JSON says what the table says", "[preprocess]") {
  const TemporaryFolder root;
  write_small_folder(root / "in", 1);
  copy_corpus_image("cmyk.jpg", root / "in/train/a/cmyk.jpg");

  const auto packed = nlohmann::json::parse(run_preprocess({"pack", root / "in", root / "out", "--json"}).out);
  const auto known = nlohmann::json::parse(run_preprocess({"info", root / "out", "--json"}).out);

  const auto& train = packed.at("train");
  CHECK(train.at("images") == 7);
  CHECK(train.at("packed_jpegs") == 2);
  CHECK(train.at("samplings") == nlohmann::json{{"4:2:0", 2}});
  CHECK(train.at("whole_reasons") == nlohmann::json{{"CMYK or YCCK", 1}});
  CHECK(train.at("bad_files") == 0);
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root / "in/train"))
    if (entry.is_regular_file()) bytes += entry.file_size();
  CHECK(train.at("source_bytes") == bytes);
  CHECK(packed.at("val").at("images") == 6);
  CHECK(known.at("train").at("fingerprint") == train.at("fingerprint"));
  CHECK(known.at("train").at("fingerprint") == ShardSet(root / "out", "train").fingerprint());
  CHECK_FALSE(known.at("train").contains("samplings"));
}

TEST_CASE("with --raw all images are stored as their pixels", "[preprocess]") {
  const TemporaryFolder root;
  write_small_folder(root / "in", 1);

  const Outcome outcome = run_preprocess({"pack", root / "in", root / "out", "--raw"});

  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  CHECK_THAT(outcome.out, Contains("packed JPEG files         0        0\n") && !Contains("scaled down"));
  const ShardSet train(root / "out", "train");
  REQUIRE(train.source_name(1) == "a/photo.JPEG");
  CHECK(train.kind(1) == StoredKind::kPixels);
  CHECK(pixels_of(train, 1).rgb == corpus_pixels("420.jpg").rgb);
  CHECK(train.max_side() == 0);
  CHECK_NOTHROW(train.check_for_evaluation());
}

TEST_CASE("with --max-side larger images are scaled down as for evaluation, but never those of val", "[preprocess]") {
  const TemporaryFolder root;
  write_small_folder(root / "in", 1);
  const Image photo = corpus_pixels("420.jpg"), large = picture(90, 61, 8);
  write_picture(root / "in/train/b/large.ppm", 90, 61, 8);
  write_picture(root / "in/train/b/small.ppm", 90, 18, 9);
  write_picture(root / "in/val/b/large.ppm", 90, 61, 8);

  const Outcome outcome = run_preprocess({"pack", root / "in", root / "out", "--max-side", "18"});

  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  CHECK_THAT(outcome.out, Contains("shorter side scaled down to"));
  const auto known = nlohmann::json::parse(run_preprocess({"info", root / "out", "--json"}).out);
  CHECK(known.at("train").at("scaled_down_to") == 18);
  CHECK_FALSE(known.at("val").contains("scaled_down_to"));
  const ShardSet train(root / "out", "train"), val(root / "out", "val");
  const auto sample_of = [](const ShardSet& shards, const std::string& name) {
    for (std::int64_t i = 0; i < shards.size(); ++i)
      if (shards.source_name(i) == name) return i;
    throw Error(name + " is not there");
  };
  const auto is_scaled = [&](const std::string& name, const Image& from) {
    const Image stored = pixels_of(train, sample_of(train, name));
    const Size size = resized_to_shorter(from.width, from.height, 18);
    ResizeScratch scratch;
    std::vector<std::uint8_t> expected(std::size_t{3} * size.width * size.height);
    resize_crop(from, {0, 0, from.width, from.height}, size.width, size.height, false, scratch, expected.data());
    return std::min(stored.width, stored.height) == 18 && stored.rgb == expected;
  };
  REQUIRE(std::min(photo.width, photo.height) > 18);
  CHECK(is_scaled("a/photo.JPEG", photo));
  CHECK(is_scaled("b/large.ppm", large));
  CHECK(pixels_of(train, sample_of(train, "b/small.ppm")).rgb == picture(90, 18, 9).rgb);
  CHECK(train.max_side() == 18);
  CHECK_THAT(message_of([&] { train.check_for_evaluation(); }),
             Contains("out: train: its images were scaled down to 18 pixels while packing (--max-side): "));

  CHECK(val.max_side() == 0);
  CHECK(val.kind(sample_of(val, "a/photo.JPEG")) == StoredKind::kPackedJpeg);
  CHECK(pixels_of(val, sample_of(val, "b/large.ppm")).rgb == large.rgb);
  CHECK_NOTHROW(val.check_for_evaluation());

  const Outcome other = run_preprocess({"pack", root / "in", root / "out", "--max-side", "19"});
  CHECK(other.exit_code == kExitBadInput);
  CHECK_THAT(other.err, Contains("a finished data set is here already"));
}

TEST_CASE("JPEG files that cannot be packed are kept whole and counted by reason, also by a run that goes on",
          "[preprocess]") {
  const TemporaryFolder root;
  for (const char* name : {"420.jpg", "cmyk.jpg", "grey.jpg"}) copy_corpus_image(name, root / "in/x/c/" + name);
  write_text(root / "in/x/c/bad.jpg", "no image");
  const std::vector<std::string> command = {"pack", root / "in", root / "out", "--split", "x", "--shard-size", "1"};
  REQUIRE(run_preprocess(command).exit_code == kExitBadInput);  // all parts are written, with the journal
  auto skipping = command;
  skipping.insert(skipping.end(), {"--skip-bad", "1"});

  const Outcome outcome = run_preprocess(skipping);

  REQUIRE(outcome.exit_code == 0);
  CHECK_THAT(outcome.out, Contains("packed JPEG files          2\n") && Contains("whole JPEG files           1\n") &&
                              Contains("  CMYK or YCCK             1\n"));
  CHECK_THAT(outcome.out, Contains("\n  4:2:0                    1\n  grey                     1\nwhole JPEG files"));
  const ShardSet shards(root / "out", "x");
  for (std::int64_t i = 0; i < shards.size(); ++i) {
    const std::string name = shards.source_name(i).substr(2);
    CAPTURE(name);
    const bool packed = name == "420.jpg" || name == "grey.jpg";
    CHECK(shards.kind(i) == (packed ? StoredKind::kPackedJpeg : StoredKind::kJpegFile));
    CHECK(pixels_of(shards, i).rgb == corpus_pixels(name).rgb);
  }
}

TEST_CASE("the same files give the same bytes for any number of threads and at any time", "[preprocess]") {
  const TemporaryFolder root;
  write_small_folder(root / "in", 30);
  std::vector<std::vector<std::string>> results;
  for (const char* threads : {"1", "2", "5"}) {
    const std::string out = root / "out" + threads;
    REQUIRE(run_preprocess({"pack", root / "in", out, "--threads", threads, "--shard-size", "10KB"}).exit_code == 0);
    results.push_back(shard_digests(out));
  }
  CHECK(results[0].size() > 5);  // shards
  CHECK(results[1] == results[0]);
  CHECK(results[2] == results[0]);
}

TEST_CASE("shards hold as many images as fit, and at least one", "[preprocess]") {
  const TemporaryFolder root;
  for (int i = 0; i < 5; ++i)
    write_picture(str(root / "in/x/c/", i, ".ppm"), 10, 10, i);  // 300 bytes, 320 in the pool; files 13 larger
  write_picture(root / "in/x/c/2.5.ppm", 40, 40, 9);             // 4,800 bytes
  const auto sizes = [&](const char* shard_size) {
    fs::remove_all(root / "out");
    REQUIRE(run_preprocess({"pack", root / "in", root / "out", "--split", "x", "--shard-size", shard_size}).exit_code ==
            0);
    const ShardSet shards(root / "out", "x");
    std::vector<std::int64_t> counts;
    for (int shard = 0; shard < shards.shard_count(); ++shard) counts.push_back(shards.shard_size(shard));
    return counts;
  };
  CHECK(sizes("1") == std::vector<std::int64_t>{1, 1, 1, 1, 1, 1});
  CHECK(sizes("633") == std::vector<std::int64_t>{2, 1, 2, 1});  // 320 + 313, then the large one between
  CHECK(sizes("632") == std::vector<std::int64_t>{1, 1, 1, 1, 1, 1});
  CHECK(sizes("1GiB") == std::vector<std::int64_t>{6});
}

TEST_CASE("a folder of images without classes is packed as one class", "[preprocess]") {
  const TemporaryFolder root;
  write_picture(root / "in/open/1.ppm", 4, 4, 1);
  write_picture(root / "in/open/0.ppm", 4, 4, 2);
  REQUIRE(run_preprocess({"pack", root / "in", root / "out", "--split", "open"}).exit_code == 0);
  const ShardSet shards(root / "out", "open");
  CHECK(shards.class_names() == std::vector<std::string>{"open"});
  CHECK(shards.source_name(0) == "0.ppm");
}

TEST_CASE("all bad files of all splits are named, and nothing gets its final name unless they may be skipped",
          "[preprocess]") {
  const TemporaryFolder root;
  write_small_folder(root / "in");
  const std::string photo = read_text(source_folder() + "/tests/corpus/images/420.jpg");
  write_text(root / "in/train/a/cut.jpg", photo.substr(0, photo.size() / 2));
  write_text(root / "in/train/b/empty.png", "");
  write_text(root / "in/val/a/words.jpeg", "no image");
  fs::create_symlink(root / "nowhere", root / "in/val/b/link.png");

  const Outcome refused = run_preprocess({"pack", root / "in", root / "out", "--skip-bad", "3"});

  CHECK(refused.exit_code == kExitBadInput);
  CHECK_THAT(refused.err, Contains("bad: " + root / "in/train/a/cut.jpg: JPEG: the file is truncated\n"));
  CHECK_THAT(refused.err, Contains("bad: " + root / "in/train/b/empty.png: an empty file\n"));
  CHECK_THAT(refused.err, Contains("bad: " + root / "in/val/a/words.jpeg: starts with 6e 6f 20 69, expected a JPEG"));
  CHECK_THAT(refused.err, Contains("bad: " + root / "in/val/b/link.png: cannot open: No such file or directory\n"));
  CHECK_THAT(refused.err,
             Contains("preprocess: " + root / "in: 4 bad files (listed above), expected at most 3: repair or "
                                              "remove them, or leave them out with --skip-bad 4"));
  CHECK(splits_in(root / "out").empty());

  const Outcome skipped = run_preprocess({"pack", root / "in", root / "out", "--skip-bad", "4"});
  CHECK(skipped.exit_code == 0);
  CHECK_THAT(skipped.err, Contains("cut.jpg: JPEG: the file is truncated"));
  CHECK_THAT(skipped.out, Contains("bad files left out         2        2\n"));
  const ShardSet train(root / "out", "train");
  for (std::int64_t i = 0; i < train.size(); ++i) CHECK(train.source_name(i) != "a/cut.jpg");
}

TEST_CASE("a class whose files are all bad keeps its number", "[preprocess]") {
  const TemporaryFolder root;
  for (const char* label : {"a", "c"}) write_picture(str(root / "in/x/", label, "/1.ppm"), 4, 4, 1);
  fs::create_directories(root / "in/x/b");
  write_text(root / "in/x/b/1.png", "no image");
  REQUIRE(run_preprocess({"pack", root / "in", root / "out", "--split", "x", "--skip-bad", "1"}).exit_code == 0);
  const ShardSet shards(root / "out", "x");
  CHECK(shards.class_names() == std::vector<std::string>{"a", "b", "c"});
  CHECK(shards.label(1) == 2);
}

TEST_CASE("a source that cannot be packed is refused with what is missing", "[preprocess]") {
  const TemporaryFolder root;
  const auto refusal = [&](std::vector<std::string> arguments) {
    const Outcome outcome = run_preprocess(arguments);
    CHECK(outcome.exit_code == kExitBadInput);
    CHECK_FALSE(fs::exists(root / "out"));
    return outcome.err;
  };
  CHECK(refusal({"pack", root / "no", root / "out"}) == "preprocess: " + root / "no: no such folder\n");
  write_picture(root / "in/train/a/1.ppm", 4, 4, 1);
  CHECK(refusal({"pack", root / "in", root / "out"}) ==
        str("preprocess: ", root / "in",
            ": no split val: expected val/, val.tar, ILSVRC2012_img_val.tar, val-000000.tar and on, or "
            "val-00000-of-00001.parquet; to pack one "
            "split NAME "
            "alone: --split NAME\n"));
  CHECK(refusal({"pack", root / "in", root / "out", "--split", "test"}) ==
        str("preprocess: ", root / "in",
            ": no split test: expected test/, test.tar, ILSVRC2012_img_test.tar, test-000000.tar and on, or "
            "test-00000-of-00001.parquet, since --split "
            "names it\n"));
  write_picture(root / "in/val/b/1.ppm", 4, 4, 1);
  CHECK(refusal({"pack", root / "in", root / "out"}) ==
        str("preprocess: ", root / "in/val: expected the same classes as in ",
            root / "in/train: missing a: only here b\n"));
  fs::create_directories(root / "in/val/a");
  CHECK_THAT(refusal({"pack", root / "in", root / "out"}), Contains("in/val/a: no image in this class folder"));
}

TEST_CASE("when no file is a good image there is nothing to pack", "[preprocess]") {
  const TemporaryFolder root;
  fs::create_directories(root / "in/x/a");
  write_text(root / "in/x/a/1.png", "no image");
  const Outcome outcome = run_preprocess({"pack", root / "in", root / "out", "--split", "x", "--skip-bad", "9"});
  CHECK(outcome.exit_code == kExitBadInput);
  CHECK_THAT(outcome.err, Contains("in/x: none of its 1 files is a good image"));
}

TEST_CASE("a file in place of the output folder is named", "[preprocess]") {
  const TemporaryFolder root;
  write_small_folder(root / "in", 1);
  write_text(root / "out", "");
  const Outcome outcome = run_preprocess({"pack", root / "in", root / "out"});
  CHECK(outcome.exit_code == kExitBadInput);
  CHECK_THAT(outcome.err, Contains("preprocess: " + root / "out: cannot create the folder: "));
}

TEST_CASE("a disk that fills up while packing is named, and no partial file stays", "[preprocess]") {
  const SmallDisk disk(100 << 10);
  if (!disk.mounted()) return;
  const TemporaryFolder root;
  for (int i = 0; i < 20; ++i) write_picture(str(root / "in/x/c/", i, ".ppm"), 60, 60, i);  // 10,800 bytes each

  const Outcome outcome =
      run_preprocess({"pack", root / "in", disk.path() + "/out", "--split", "x", "--shard-size", "30KB"});

  CHECK(outcome.exit_code == kExitBadInput);
  CHECK_THAT(outcome.err, Contains(".partial: cannot write: No space left on device"));
  CHECK(splits_in(disk.path() + "/out").empty());
  CHECK(fs::exists(disk.path() + "/out/x.00000-0.part"));  // complete: used when there is room
  for (const auto& entry : fs::directory_iterator(disk.path() + "/out")) CHECK(entry.path().extension() != ".partial");
}

TEST_CASE("on a terminal there is one line, drawn again and cleared at the end", "[preprocess]") {
  const TemporaryFolder root;
  for (int i = 0; i < 150; ++i) write_picture(str(root / "in/x/c/", i, ".ppm"), 40, 40, i);
  const std::string text = run_preprocess_on_terminal(
      {"pack", root / "in", root / "out", "--split", "x", "--shard-size", "5KB", "--threads", "1"});
  CHECK_THAT(text, Contains("\rx [") && Contains(" of 150, ") && Contains(" images/s, ") && Contains(" left"));
  CHECK(text.ends_with("\r\x1b[K"));
  CHECK(text.find('\n') == std::string::npos);
}

}  // namespace
}  // namespace mosaic::test
