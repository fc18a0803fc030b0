#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "catch.h"
#include "image/decode.h"
#include "image/resize.h"
#include "preprocess/image_files.h"
#include "preprocess/run_preprocess.h"
#include "shards/make_shards.h"
#include "shards/shard_set.h"
#include "support.h"

// info, verify, export, show and bench.

namespace mosaic::test {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;

/// The small folder, packed; train in several shards.
struct Packed {
  TemporaryFolder root;
  std::string out = root / "out";
  Packed() {
    write_small_folder(root / "in");
    REQUIRE(run_preprocess({"pack", root / "in", out, "--shard-size", "4KB"}).exit_code == 0);
  }
};

TEST_CASE("info prints what the shards hold, of all splits or one", "[preprocess]") {
  const Packed packed;
  const Outcome all = run_preprocess({"info", packed.out});
  CHECK(all.exit_code == 0);
  CHECK_THAT(all.out, Contains("train") && Contains("val") && Contains("images                   16        6\n") &&
                          Contains("images per class          8        3\n") && Contains("sides in pixels"));
  const Outcome one = run_preprocess({"info", packed.out, "--split", "val"});
  CHECK(one.out.find("train") == std::string::npos);

  const Outcome wrong = run_preprocess({"info", packed.out, "--split", "test"});
  CHECK(wrong.exit_code == kExitBadInput);
  CHECK(wrong.err == str("preprocess: ", packed.out,
                         ": no shards of split 'test' (test-00000.h5 and on): the splits there are train, val\n"));
  CHECK(run_preprocess({"info", packed.root / "in"}).err ==
        str("preprocess: ",
            packed.root / "in: no shards here: expected the folder that `preprocess pack` has written\n"));
  CHECK(run_preprocess({"info", packed.root / "no"}).err ==
        str("preprocess: ",
            packed.root / "no: no such folder: expected the folder that `preprocess pack` has written\n"));
}

TEST_CASE("verify reads everything, and names every fault of every split", "[preprocess]") {
  const Packed packed;
  const Outcome good = run_preprocess({"verify", packed.out});
  CHECK(good.exit_code == 0);
  CHECK(good.out == "train: 16 images read and decoded, all good\nval: 6 images read and decoded, all good\n");

  const Image first = picture(20, 15, 0);
  std::string bytes(first.rgb.begin(), first.rgb.end());
  std::string changed = bytes;
  changed[100] ^= 1;
  patch(packed.out + "/train-00000.h5", bytes, changed);
  const Image other = picture(21, 15, 1);
  bytes.assign(other.rgb.begin(), other.rgb.end());
  changed = bytes;
  changed[0] ^= 1;
  patch(packed.out + "/train-00000.h5", bytes, changed);
  fs::resize_file(packed.out + "/val-00000.h5", 3000);

  const Outcome bad = run_preprocess({"verify", packed.out});
  CHECK(bad.exit_code == kExitBadInput);
  CHECK_THAT(bad.err, Contains("fault: sample 0 (train-00000.h5, image 0, a/0.ppm): CRC-32C: got "));
  CHECK_THAT(bad.err, Contains("fault: sample 1 (train-00000.h5, image 1, a/1.ppm): CRC-32C: got "));
  CHECK_THAT(bad.err, Contains("fault: " + packed.out + "/val-00000.h5: "));
  CHECK_THAT(bad.out, Contains("train: 16 images read and decoded, 2 faults\n") && Contains("val: 0 images") &&
                          Contains(", 1 fault\n"));
  CHECK(run_preprocess({"verify", packed.out, "--split", "train", "--threads", "3"}).exit_code == kExitBadInput);
}

TEST_CASE("verify decodes: a JPEG with a good checksum that is no JPEG is a fault", "[preprocess]") {
  const TemporaryFolder folder;
  auto samples = some_samples(3);
  samples[1].kind = StoredKind::kJpegFile;
  samples[1].bytes = "certainly no JPEG";
  write_shards(folder.path(), "train", samples, 3);
  const Outcome outcome = run_preprocess({"verify", folder.path()});
  CHECK(outcome.exit_code == kExitBadInput);
  CHECK_THAT(outcome.err, Contains("fault: sample 1 (train-00000.h5, image 1, dog/1.png): "));
}

TEST_CASE("export gives back the files, and packing them again the same data set", "[preprocess]") {
  const Packed packed;
  const std::string files = packed.root / "files";
  const Outcome outcome = run_preprocess({"export", packed.out, files});
  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  CHECK_THAT(outcome.out, Contains("train: 16 files in " + files + "/train\n"));
  const auto pixels = [](const std::string& path) { return decode_file(read_file(path)).rgb; };
  CHECK(pixels(files + "/train/a/photo.JPEG") == pixels(packed.root / "in/train/a/photo.JPEG"));
  CHECK(read_text(files + "/train/b/3.ppm") == read_text(packed.root / "in/train/b/3.ppm"));
  const std::string bmp = read_text(packed.root / "in/val/a/deeper/picture.bmp");
  CHECK(read_ppm(files + "/val/a/deeper/picture.ppm").rgb == decode_file(std::as_bytes(std::span(bmp))).rgb);

  REQUIRE(run_preprocess({"pack", files, packed.root / "again"}).exit_code == 0);
  CHECK(ShardSet(packed.root / "again", "train").fingerprint() == ShardSet(packed.out, "train").fingerprint());

  const Outcome twice = run_preprocess({"export", packed.out, files, "--split", "val"});
  CHECK(twice.exit_code == kExitBadInput);
  CHECK(twice.err == "preprocess: " + files + "/val: there are files here already: take a new folder\n");
}

TEST_CASE("export of shards with whole files gives back these, byte for byte", "[preprocess]") {
  const TemporaryFolder root;
  write_small_folder(root / "in");
  REQUIRE(run_preprocess({"pack", root / "in", root / "out", "--keep-files"}).exit_code == 0);
  REQUIRE(run_preprocess({"export", root / "out", root / "files"}).exit_code == 0);
  CHECK(read_text(root / "files/train/a/photo.JPEG") == read_text(root / "in/train/a/photo.JPEG"));
}

TEST_CASE("verify decodes: a packed JPEG with a good checksum that is none is a fault", "[preprocess]") {
  const TemporaryFolder folder;
  auto samples = some_samples(3);
  samples[1].kind = StoredKind::kPackedJpeg;
  samples[1].bytes = "certainly no coefficients";
  write_shards(folder.path(), "train", samples, 3);
  const Outcome outcome = run_preprocess({"verify", folder.path()});
  CHECK(outcome.exit_code == kExitBadInput);
  CHECK_THAT(outcome.err, Contains("fault: sample 1 (train-00000.h5, image 1, dog/1.png): packed record: "));
}

TEST_CASE("export writes nothing outside its folder and loses no file to another of the same name", "[preprocess]") {
  const TemporaryFolder root;
  auto samples = some_samples(4);
  samples[0].name = "../../escaped.png";
  samples[1].name = root / "absolute.png";
  samples[2].name = "dog/same.png";
  samples[3].name = "dog/same.bmp";
  write_shards(root / "", "train", samples, 4);

  REQUIRE(run_preprocess({"export", root.path(), root / "deep/files"}).exit_code == 0);

  CHECK_FALSE(fs::exists(root / "escaped.ppm"));
  CHECK_FALSE(fs::exists(root / "deep/escaped.ppm"));
  CHECK_FALSE(fs::exists(root / "absolute.ppm"));
  CHECK(fs::exists(root / "deep/files/train/_/_/escaped.ppm"));
  CHECK(fs::exists(root / "deep/files/train" + root / "absolute.ppm"));
  CHECK(read_ppm(root / "deep/files/train/dog/same.ppm").width == samples[2].width);
  CHECK(read_ppm(root / "deep/files/train/dog/same-3.ppm").width == samples[3].width);
}

TEST_CASE("show writes exactly the pixels of decoding, cropping, scaling and mirroring", "[preprocess]") {
  const Packed packed;
  const std::string ppm = packed.root / "F.ppm";
  const std::string bytes = read_text(packed.root / "in/train/a/photo.JPEG");
  const Image photo = decode_file(std::as_bytes(std::span(bytes)));
  const ShardSet train(packed.out, "train");
  std::int64_t sample = 0;
  while (train.source_name(sample) != "a/photo.JPEG") ++sample;
  const auto show = [&](std::vector<std::string> more) {
    std::vector<std::string> words = {"show",  packed.out, "--split", "train", "--sample", std::to_string(sample),
                                      "--out", ppm};
    words.insert(words.end(), more.begin(), more.end());
    return run_preprocess(words);
  };
  const auto expected = [&](Box box, int width, int height, bool flip) {
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(width * height * 3));
    ResizeScratch scratch;
    resize_crop(photo, box, width, height, flip, scratch, pixels.data());
    return pixels;
  };

  const Outcome whole = show({});
  REQUIRE(whole.exit_code == 0);
  CHECK_THAT(whole.out, Contains(train.describe(sample) + ": class 0 (a), "));
  CHECK(read_ppm(ppm).rgb == photo.rgb);
  REQUIRE(show({"--crop", "3,2,17,11"}).exit_code == 0);
  CHECK(read_ppm(ppm).width == 17);
  CHECK(read_ppm(ppm).rgb == expected({3, 2, 17, 11}, 17, 11, false));
  REQUIRE(show({"--crop", "3,2,17,11", "--side", "24", "--flip"}).exit_code == 0);
  CHECK(read_ppm(ppm).rgb == expected({3, 2, 17, 11}, 24, 24, true));
}

TEST_CASE("bench prints one line of JSON with the rates of the first epoch and those after it", "[preprocess]") {
  const Packed packed;
  const Outcome outcome = run_preprocess({"bench", packed.out, "--side", "32", "--threads", "2", "--seconds", "0.05"});
  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  CHECK(std::count(outcome.out.begin(), outcome.out.end(), '\n') == 1);
  const auto json = nlohmann::json::parse(outcome.out);
  CHECK(json.at("side") == 32);
  CHECK(json.at("threads") == 2);
  CHECK(json.at("packed") == 2);
  CHECK(json.at("pixels") == 14);
  CHECK(json.at("first_epoch").at("images") == 16);
  CHECK(json.at("first_epoch").at("bytes_per_image").get<double>() ==
        Approx(json.at("stored_bytes").get<double>() / 16).margin(1));
  const auto later = json.at("later_epochs");
  CHECK(later.at("images") == 16 * later.at("epochs").get<int>());
  for (const char* rate : {"images_per_second", "images_per_cpu_second", "bytes_per_second"})
    CHECK(later.at(rate).get<double>() > 0);

  CHECK(run_preprocess({"bench", packed.out, "--side", "0"}).err == "preprocess: --side: got 0, expected 1 to 65535\n");
  CHECK_THAT(run_preprocess({"bench", packed.out, "--split", "test"}).err, Contains("no shards of split 'test'"));
}

TEST_CASE("bench measures one stored kind, on a cold cache if asked, and the stages of an image", "[preprocess]") {
  const Packed packed;
  const auto bench = [&](const std::vector<std::string>& more) {
    std::vector<std::string> command = {"bench", packed.out, "--side", "32", "--seconds", "0.01"};
    command.insert(command.end(), more.begin(), more.end());
    return run_preprocess(command);
  };
  for (const auto& [kind, images] : {std::pair{"packed", 2}, std::pair{"pixels", 14}}) {
    const auto json = nlohmann::json::parse(bench({"--kind", kind, "--cold"}).out);
    CHECK(json.at("cold") == true);
    CHECK(json.at("first_epoch").at("images") == images);
    const auto stages = json.at("stage_microseconds");
    CHECK(stages.at("images").get<int>() % images == 0);
    for (const char* stage : {"read", "decode", "resize"}) CHECK(stages.at(stage).get<double>() > 0);
  }
  CHECK_THAT(bench({"--kind", "file"}).err, Contains("--kind: none of the 16 images of "));
  CHECK(bench({"--kind", "jpeg"}).err == "preprocess: --kind: got 'jpeg', expected packed, file or pixels\n");
}

TEST_CASE("the kernels can be chosen by the environment, and only those that there are", "[preprocess]") {
  const Packed packed;
  const auto with_kernels = [&](const char* name, const std::vector<std::string>& command) {
    ::setenv("MOSAIC_KERNELS", name, 1);
    Outcome outcome = run_preprocess(command);
    ::unsetenv("MOSAIC_KERNELS");
    return outcome;
  };
  const std::vector<std::string> bench = {"bench", packed.out, "--side", "32", "--seconds", "0"};
  CHECK_THAT(with_kernels("portable", bench).out, Contains("\"kernels\": \"portable\""));
  for (const auto& command : {bench, {"pack", packed.root / "in", packed.root / "other"}, {"verify", packed.out}}) {
    const Outcome refused = with_kernels("mmx", command);
    CHECK(refused.exit_code == kExitBadInput);
    CHECK_THAT(refused.err, Contains("MOSAIC_KERNELS: got 'mmx', expected one of those that this processor can run: "));
  }
  CHECK_FALSE(fs::exists(packed.root / "other"));
}

TEST_CASE("show refuses what is not there, with the range", "[preprocess]") {
  const Packed packed;
  const auto refusal = [&](const std::string& sample, const std::string& crop) {
    const Outcome outcome = run_preprocess(
        {"show", packed.out, "--split", "val", "--sample", sample, "--crop", crop, "--out", packed.root / "F.ppm"});
    CHECK(outcome.exit_code == kExitBadInput);
    CHECK_FALSE(fs::exists(packed.root / "F.ppm"));
    return outcome.err;
  };
  CHECK(refusal("6", "0,0,1,1") == "preprocess: --sample: got 6, expected 0 to 5 (val has 6 images)\n");
  CHECK(refusal("-1", "0,0,1,1") == "preprocess: --sample: got -1, expected 0 to 5 (val has 6 images)\n");
  for (const char* crop : {"-1,0,5,5", "0,0,0,5", "2147483647,0,1,1", "0,0,1000,5", "5,5,2147483647,2"})
    CHECK_THAT(refusal("0", crop),
               Contains(str("preprocess: --crop: got ", crop, ", expected x,y,width,height inside the image of ")));
}

}  // namespace
}  // namespace mosaic::test
