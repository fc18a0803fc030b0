#include "preprocess/split_source.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <random>
#include <thread>

#include "base/error.h"
#include "catch.h"
#include "preprocess/image_files.h"
#include "preprocess/mds_folder.h"
#include "preprocess/run_preprocess.h"
#include "preprocess/source_files.h"
#include "preprocess/source_reader.h"
#include "shards/format.h"
#include "shards/make_shards.h"
#include "shards/shard_set.h"
#include "support.h"

// The same images from folders, tars, WebDataset and MosaicML Streaming.

namespace mosaic::test {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;

/// root/in/train and root/in/val, packed into root/expected in small shards.
struct Source {
  TemporaryFolder root;
  Files train, val;
  std::vector<std::string> expected;
  Source() {
    write_small_folder(root / "in");
    train = files_of_folder(root / "in/train");
    val = files_of_folder(root / "in/val");
    REQUIRE(pack("in", "expected").exit_code == 0);
    expected = shard_digests(root / "expected");
    REQUIRE(expected.size() > 4);
  }
  Outcome pack(const std::string& in, const std::string& out, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {"pack", root / in, root / out, "--shard-size", "4KB"};
    words.insert(words.end(), more.begin(), more.end());
    return run_preprocess(words);
  }
  /// What packing `in` makes has the bytes that the folders give.
  Outcome check_same_bytes(const std::string& in, const std::vector<std::string>& more = {}) const {
    const Outcome outcome = pack(in, "out-" + in, more);
    INFO(outcome.err);
    CHECK(outcome.exit_code == 0);
    CHECK(shard_digests(root / ("out-" + in)) == expected);
    return outcome;
  }
  std::string fingerprint(const std::string& out, const std::string& split) const {
    return ShardSet(root / out, split).fingerprint();
  }
};

/// As after `tar -xf`, but without class folders: the images' names, and the lines "NAME CLASS".
std::pair<Files, std::string> without_folders(const Files& files) {
  Files flat;
  std::string labels;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string& name = files[i].first;
    const std::string image = str("ILSVRC2012_val_", 1000 + (i * 7) % files.size(), name.substr(name.rfind('.')));
    flat.emplace_back(image, files[i].second);
    labels += image + " " + name.substr(0, name.find('/')) + "\n";
  }
  return {flat, labels};
}

TEST_CASE("a tar of class folders gives the bytes that the folders give", "[preprocess]") {
  const Source source;
  Files train = source.train, val;
  std::reverse(train.begin(), train.end());
  train.insert(train.begin(), {"a/", ""});
  for (const auto& [name, bytes] : source.val) val.emplace_back("./val/" + name, bytes);
  write_file(source.root / "tars/train.tar", tar_of(train));
  write_file(source.root / "tars/val.tar", tar_of(val));
  source.check_same_bytes("tars");
}

TEST_CASE("ImageNet's archives as they are downloaded give the bytes that the folders give", "[preprocess]") {
  const Source source;
  auto [flat, by_name] = without_folders(source.val);
  std::sort(flat.begin(), flat.end());
  std::string in_order, numbers, csv = "ImageId,PredictionString\n";
  for (const auto& [image, bytes] : flat) {
    const std::size_t at = by_name.find(image);
    const char label = by_name[at + image.size() + 1];
    in_order += std::string(1, label) + "\n";
    numbers += label == 'a' ? "2\n" : "1\n";
    csv += image.substr(0, image.rfind('.')) + "," + label + " 85 1 499 272\n";
    write_file(source.root / "in2/val/" + label + "/" + image, bytes);
  }
  fs::copy(source.root / "in/train", source.root / "in2/train", fs::copy_options::recursive);
  REQUIRE(source.pack("in2", "expected2").exit_code == 0);
  const auto expected = shard_digests(source.root / "expected2");

  write_file(source.root / "tars/ILSVRC2012_img_train.tar", tar_of_class_tars(source.train));
  write_file(source.root / "tars/ILSVRC2012_img_val.tar", tar_of(flat));
  const auto check = [&](const std::vector<std::string>& more) {
    fs::remove_all(source.root / "out");
    const Outcome outcome = source.pack("tars", "out", more);
    INFO(outcome.err);
    CHECK(outcome.exit_code == 0);
    CHECK(shard_digests(source.root / "out") == expected);
  };
  SECTION("labels by name") {
    write_file(source.root / "labels.txt", by_name);
    check({"--labels", source.root / "labels.txt"});
  }
  SECTION("labels in the order of names, found beside the archives") {
    write_file(source.root / "tars/ILSVRC2012_validation_ground_truth.txt", in_order);
    check({});
  }
  SECTION("numbers, and a file with their classes") {
    write_file(source.root / "tars/ILSVRC2012_validation_ground_truth.txt", numbers);
    CHECK_THAT(source.pack("tars", "out").err,
               Contains("ILSVRC2012_validation_ground_truth.txt:1: got the number 2, expected the name of a class, "
                        "like n01440764: for "
                        "numbers, --class-ids names a file with the class of number 1 in its first line"));
    write_file(source.root / "ids.txt", "b\r\na\r\n");
    check({"--class-ids", source.root / "ids.txt"});
  }
  SECTION("the table that Kaggle has") {
    write_file(source.root / "tars/LOC_val_solution.csv", csv);
    check({});
  }
  SECTION("images in a folder, as Kaggle has them") {
    fs::remove(source.root / "tars/ILSVRC2012_img_val.tar");
    for (const auto& [image, bytes] : flat) write_file(source.root / "tars/val/" + image, bytes);
    write_file(source.root / "table.csv", csv);
    check({"--labels", source.root / "table.csv"});
    CHECK_THAT(source.pack("tars", "again").err, Contains("tars/val: expected the same classes as in "));
  }
  SECTION("no labels") {
    CHECK_THAT(source.pack("tars", "out").err, Contains("tars/ILSVRC2012_img_val.tar: its images are in no class "
                                                        "folders: expected their labels in a file: --labels FILE, or"));
  }
  SECTION("labels that do not fit") {
    const auto refusal = [&](const std::string& labels) {
      write_file(source.root / "labels.txt", labels);
      const Outcome outcome = source.pack("tars", "out", {"--labels", source.root / "labels.txt"});
      CHECK(outcome.exit_code == kExitBadInput);
      return outcome.err;
    };
    CHECK_THAT(refusal(in_order + "a\n"),
               Contains("labels.txt: got 7 lines, expected 6: one for each image, in the order of their names"));
    CHECK_THAT(refusal("a b\nb\n"), Contains("labels.txt:2: got 'b', expected an image's name and its class"));
    CHECK_THAT(refusal(by_name.substr(by_name.find('\n') + 1)),
               Contains("labels.txt: no label for ILSVRC2012_val_1000"));
    CHECK_THAT(refusal(by_name + by_name), Contains("labels.txt:7: ILSVRC2012_val_1000"));
    CHECK_THAT(refusal(""), Contains("labels.txt: an empty file, expected labels"));
    CHECK_THAT(refusal("c\nc\nc\nc\nc\nc\n"), Contains("expected the same classes as in "));
  }
}

TEST_CASE("class tars in a folder give the bytes that class folders give", "[preprocess]") {
  const Source source;
  for (const char* label : {"a", "b"}) {
    Files members = {{"readme.txt", "no image"}};
    for (const auto& [name, bytes] : source.train)
      if (name.starts_with(label)) members.emplace_back(name.substr(2), bytes);
    write_file(str(source.root / "tars/train/", label, ".tar"), tar_of(members));
  }
  fs::copy(source.root / "in/val", source.root / "tars/val", fs::copy_options::recursive);
  const Outcome outcome = source.check_same_bytes("tars");
  CHECK_THAT(
      outcome.err,
      Contains("tars/train: 2 files are left out, not called as images are: a.tar: readme.txt, b.tar: readme.txt"));
}

TEST_CASE("options that change nothing are refused", "[preprocess]") {
  const Source source;
  for (const char* option : {"--labels", "--classes"})
    CHECK_THAT(source.pack("in", "out", {option, "table.txt"}).err,
               Contains(option + std::string(" table.txt: no split needs it: expected ")));
}

TEST_CASE("archives of classes that lie beside the unpacked classes are left alone, as before", "[preprocess]") {
  const Source source;
  fs::copy(source.root / "in", source.root / "tars", fs::copy_options::recursive);
  write_file(source.root / "tars/train/a.tar", tar_of({{"x.ppm", "no image"}}));
  source.check_same_bytes("tars");
}

TEST_CASE("samples of WebDataset give the bytes that folders with their names give", "[preprocess]") {
  const Source source;
  const auto write = [&](const std::string& folder, const std::string& begin, const Files& files) {
    Files first, second;
    auto samples = web_dataset_samples(files);
    std::shuffle(samples.begin(), samples.end(), std::mt19937(5));
    for (std::size_t i = 0; i < samples.size(); ++i)
      for (const auto& file : samples[i]) (i % 3 == 0 ? first : second).push_back(file);
    write_file(folder + "/" + begin + "000000.tar", tar_of(first));
    write_file(folder + "/" + begin + "000001.tar", tar_of(second));
  };
  write_file(source.root / "classes.txt", "a\nb\n");
  SECTION("beside each other") {
    write(source.root / "web", "imagenet-train-", source.train);
    write(source.root / "web", "imagenet-validation-", source.val);
    source.check_same_bytes("web", {"--classes", source.root / "classes.txt"});
  }
  SECTION("in folders") {
    write(source.root / "web/train", "", source.train);
    write(source.root / "web/val", "part-", source.val);
    source.check_same_bytes("web", {"--classes", source.root / "classes.txt"});
  }
  SECTION("classes in another order") {
    write(source.root / "web", "train-", source.train);
    fs::copy(source.root / "in/val", source.root / "web/val", fs::copy_options::recursive);
    write_file(source.root / "classes.txt", "b\na\n");
    CHECK_THAT(source.pack("web", "out", {"--classes", source.root / "classes.txt"}).err,
               Contains("web/val: expected the classes in the order in which they are numbered in "));
  }
  SECTION("without names classes are called by their numbers") {
    write(source.root / "web", "train-", source.train);
    REQUIRE(source.pack("web", "out", {"--split", "train"}).exit_code == 0);
    const ShardSet shards(source.root / "out", "train");
    CHECK(shards.class_names() == std::vector<std::string>{"0", "1"});
    CHECK(shards.source_name(0) == "0/a/0.ppm");
    CHECK(shards.label(shards.size() - 1) == 1);
  }
}

TEST_CASE("labels of WebDataset's samples may stand in JSON", "[preprocess]") {
  const TemporaryFolder root;
  write_picture(root / "p.ppm", 5, 4, 1);
  const std::string image = read_text(root / "p.ppm");
  write_file(root / "in/train-0.tar", tar_of({{"c/1.json", R"({"label": 1, "filename": "x"})"},
                                              {"c/1.ppm", image},
                                              {"c/0.ppm", image},
                                              {"c/0.mask.png", "?"},
                                              {"c/0.json", R"({"cls": 0})"},
                                              {"c/2.txt", "no sample"},
                                              {"c/3.ppm", image},
                                              {"c/3.json", "{}"},
                                              {"c/3.cls", " 1\n"}}));
  REQUIRE(run_preprocess({"pack", root / "in", root / "out", "--split", "train"}).exit_code == 0);
  const ShardSet shards(root / "out", "train");
  REQUIRE(shards.size() == 3);
  CHECK(shards.source_name(0) == "0/c/0.ppm");
  CHECK(shards.source_name(1) == "1/c/1.ppm");
  CHECK(shards.source_name(2) == "1/c/3.ppm");
}

TEST_CASE("shards of MosaicML Streaming give the fingerprint that the folders give, compressed or not",
          "[preprocess]") {
  const Source source;
  write_file(source.root / "classes.txt", "a\nb\n");
  const std::vector<std::string> named = {"--classes", source.root / "classes.txt"};
  for (const bool zstd : {false, true})
    for (const bool with_i : {true, false}) {
      CAPTURE(zstd, with_i);
      fs::remove_all(source.root / "mds");
      fs::remove_all(source.root / "out");
      auto train = mds_samples(source.train);
      if (with_i) std::shuffle(train.begin(), train.end(), std::mt19937(3));
      write_mds_folder(source.root / "mds/train", train, 5, zstd, with_i);
      write_mds_folder(source.root / "mds/val", mds_samples(source.val), 5, zstd, with_i);

      const Outcome outcome = source.pack("mds", "out", named);

      INFO(outcome.err);
      REQUIRE(outcome.exit_code == 0);
      for (const char* split : {"train", "val"})
        CHECK(source.fingerprint("out", split) == source.fingerprint("expected", split));
      CHECK(ShardSet(source.root / "out", "train").source_name(3) == "a/00000003.jpg");
      CHECK_FALSE(fs::exists(source.root / "out/train.unpacked"));
      CHECK((outcome.err.find("decompressing") != std::string::npos) == zstd);

      const Outcome again = source.pack("mds", "out", named);
      CHECK_THAT(again.err, Contains("train: packed already") && !Contains("decompressing"));
    }
}

TEST_CASE("killed while it packs from archives and run again, packing goes on and gives the same bytes",
          "[preprocess]") {
  const TemporaryFolder root;
  for (int i = 0; i < 60; ++i) write_picture(str(root / "in/x/c/", 1000 + i, ".ppm"), 60, 60, i);
  const Files files = files_of_folder(root / "in/x");
  write_file(root / "tars/x.tar", tar_of_class_tars(files));
  write_mds_folder(root / "mds/x", mds_samples(files), 7, true);
  for (const char* kind : {"tars", "mds"}) {
    CAPTURE(kind);
    const auto command = [&](const std::string& out) -> std::vector<std::string> {
      return {"pack", root / kind, root / (kind + out), "--split", "x", "--shard-size", "1", "--threads", "1"};
    };
    REQUIRE(run_preprocess(command("-undisturbed")).exit_code == 0);
    int exit_code = 0;  // on a busy machine it may end before it is killed
    for (int attempt = 0; attempt < 10 && exit_code != -1; ++attempt) {
      fs::remove_all(root / (kind + std::string("-out")));
      const pid_t process = start_preprocess(command("-out"));
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
      while (!fs::exists(root / (kind + std::string("-out/x.00005-0.part"))) &&
             std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      ::kill(process, SIGKILL);
      exit_code = wait_for(process);
    }
    REQUIRE(exit_code == -1);
    const auto part = root / (kind + std::string("-out/x.00000-0.part"));
    const auto written = fs::last_write_time(part);
    const auto unpacked = root / (kind + std::string("-out/x.unpacked"));
    CHECK(fs::exists(unpacked) == (std::string(kind) == "mds"));

    const Outcome again = run_preprocess(command("-out"));

    CHECK(again.exit_code == 0);
    CHECK(again.err.find("decompressing") == std::string::npos);
    CHECK(fs::last_write_time(root / (kind + std::string("-out/x-00000.h5"))) >= written);
    CHECK(shard_digests(root / (kind + std::string("-out"))) ==
          shard_digests(root / (kind + std::string("-undisturbed"))));
    CHECK_FALSE(fs::exists(unpacked));
  }
}

TEST_CASE("a changed archive is packed anew, an unchanged one is not", "[preprocess]") {
  const Source source;
  write_file(source.root / "tars/train.tar", tar_of(source.train));
  const std::vector<std::string> only = {"--split", "train"};
  REQUIRE(source.pack("tars", "out", only).exit_code == 0);
  CHECK_THAT(source.pack("tars", "out", only).err, Contains("train: packed already"));
  fs::last_write_time(source.root / "tars/train.tar", fs::file_time_type::clock::now() + std::chrono::seconds(5));
  const Outcome changed = source.pack("tars", "out", only);
  CHECK_THAT(changed.err, Contains("a finished data set is here already, made from other files than are in " +
                                   source.root / "tars/train.tar now"));
}

TEST_CASE("what was unpacked from a shard is not taken for that of an older copy", "[preprocess]") {
  const TemporaryFolder root;
  write_picture(root / "p.ppm", 5, 4, 1);
  const std::string image = read_text(root / "p.ppm"), damaged(image.size(), '?');
  const auto pack = [&](const std::string& second, std::chrono::hours age) {
    write_mds_folder(root / "in/x", {{0, 0, image}, {1, 0, second}}, 9, true);
    fs::last_write_time(root / "in/x/shard.10000.mds.zstd", fs::file_time_type::clock::now() - age);
    return run_preprocess({"pack", root / "in", root / "out", "--split", "x"});
  };
  CHECK_THAT(pack(damaged, std::chrono::hours(1)).err, Contains("sample 1: starts with 3f 3f"));
  REQUIRE(fs::exists(root / "out/x.unpacked"));

  const Outcome repaired = pack(image, std::chrono::hours(9));

  INFO(repaired.err);
  CHECK(repaired.exit_code == 0);
}

TEST_CASE("images with a table in Parquet beside them are packed as images", "[preprocess]") {
  const TemporaryFolder root;
  write_picture(root / "in/x/1.ppm", 5, 4, 1);
  write_file(root / "in/x/metadata.parquet", "a table");
  CHECK(list_split({.source = root / "in"}, "x", "", 1).files.size() == 1);
}

TEST_CASE("an index of MosaicML Streaming that is nested without end is refused", "[preprocess]") {
  const TemporaryFolder root;
  write_file(root / "x/index.json",
             R"({"version": 2, "shards": )" + std::string(100'000, '[') + std::string(100'000, ']') + "}");
  CHECK_THAT(message_of([&] { list_split({.source = root.path()}, "x", "", 1); }),
             Contains("x/index.json: lists or objects are nested more than 64 deep"));
}

TEST_CASE("bad images in archives are named with archive and member", "[preprocess]") {
  const TemporaryFolder root;
  write_picture(root / "p.ppm", 5, 4, 1);
  const std::string image = read_text(root / "p.ppm");
  const auto refusal = [&](const std::string& kind) {
    const Outcome outcome = run_preprocess({"pack", root / kind, root / ("out-" + kind), "--split", "x"});
    CHECK(outcome.exit_code == kExitBadInput);
    return outcome.err;
  };
  write_file(root / "tars/ILSVRC2012_img_x.tar",
             tar_of_class_tars({{"c/0.ppm", image}, {"c/1.JPEG", "no image"}, {"c/2.png", ""}}));
  CHECK_THAT(refusal("tars"),
             Contains("bad: " + root / "tars/ILSVRC2012_img_x.tar: c.tar: 1.JPEG: starts with 6e 6f 20 69") &&
                 Contains("bad: " + root / "tars/ILSVRC2012_img_x.tar: c.tar: 2.png: an empty file"));
  write_file(root / "web/x-0.tar", tar_of({{"0.ppm", "no image"}, {"0.cls", "0"}}));
  CHECK_THAT(refusal("web"), Contains("bad: " + root / "web/x-0.tar: 0.ppm: starts with 6e 6f"));
  write_mds_folder(root / "mds/x", {{0, 0, image}, {1, 0, "no image"}}, 9, false);
  CHECK_THAT(refusal("mds"), Contains("bad: " + root / "mds/x/shard.10000.mds: sample 1: starts with 6e 6f"));
}

/// What listing one split x of SOURCE says. @param write  makes SOURCE
std::string listing_error(const TemporaryFolder& root, const std::string& classes = {}) {
  return message_of([&] { list_split({.source = root.path(), .classes = classes}, "x", "", 2); });
}

TEST_CASE("archives of folders that cannot be packed are refused with archive and member", "[preprocess]") {
  const TemporaryFolder root;
  const std::string tar = root / "x.tar";
  const auto refusal = [&](const std::string& bytes) {
    write_text(tar, bytes);
    return listing_error(root);
  };
  CHECK_THAT(refusal("no tar"),
             Contains("x.tar: no tar, or a compressed one (unpack it to a .tar before), or a damaged one: "));
  CHECK_THAT(refusal(""), Contains("x.tar: "));
  CHECK_THAT(refusal(tar_of({})), Contains("x.tar: no image in this archive: expected files called jpg, jpeg"));
  CHECK_THAT(refusal(tar_of({{"a/1.txt", "x"}})), Contains("x.tar: no image in this archive"));
  CHECK_THAT(refusal(tar_of({{"a/1.png", "x"}, {"2.png", "x"}})),
             Contains("x.tar: 2.png: in no class folder, as others are: expected CLASS/2.png"));
  CHECK_THAT(refusal(tar_of({{"a/1.png", "x"}, {"b/2.tar", "x"}})),
             Contains("x.tar: holds both images (a/1.png) and archives (b/2.tar)"));
  CHECK(refusal(tar_of({{"a/1.png", "x"}, {"b/1.png", "x"}, {"a/1.png", "y"}})) ==
        tar + ": a/1.png: would be called a/1.png as is " + tar +
            ": a/1.png: expected each image once: remove one of them");
  CHECK_THAT(refusal(tar_of_class_tars({{"a/1.png", "x"}, {"b/1.txt", "x"}})),
             Contains("x.tar: b.tar: no image in this archive of a class"));
  CHECK_THAT(refusal(tar_of({{"a.tar", "no tar"}})), Contains("x.tar: a.tar: no tar, or a compressed one"));

  std::string link = tar_of({{"a/1.png", "x"}, {"a/2.png", ""}});
  link.replace(1024 + 156, 1, "1");
  link.replace(1024 + 157, 7, "a/1.png");
  unsigned sum = 8 * ' ';
  for (std::size_t i = 0; i < 512; ++i)
    if (i < 148 || i >= 156) sum += static_cast<unsigned char>(link[1024 + i]);
  char text[8];
  std::snprintf(text, sizeof text, "%06o", sum);
  link.replace(1024 + 148, 7, std::string(text, 7));
  CHECK_THAT(refusal(link), Contains("x.tar: a/2.png: a link to another file, expected the file itself"));

  const std::string good = tar_of({{"a/1.png", std::string(700, 'x')}, {"b/1.png", "x"}});
  CHECK_THAT(refusal(good.substr(0, 512 + 600)),
             Contains("x.tar: the archive is damaged or not all there: copy it again: "));
  CHECK_THAT(refusal(good.substr(0, 512 + 1024)), Contains("after 1 files there is no end mark (two blocks of zeros)"));
  write_text(tar, good);
  write_text(root / "web-x-0.tar", good);
  CHECK(listing_error(root) == str(root.path(), ": both ", tar, " and ", root / "web-x-0.tar",
                                   " may be the split x: expected one of them: move the other away"));
  write_file(root / "x/c/1.png", "x");  // unpacked
  CHECK(list_split({.source = root.path()}, "x", "", 1).path == root / "x");
}

TEST_CASE("names of any length and script are read from tars", "[preprocess]") {
  const TemporaryFolder root;
  const std::string long_name = "class/" + std::string(150, 'n') + ".png", umlaut = "V\xC3\xB6gel/\xC3\xA9.png";
  write_file(root / "x.tar", tar_of({{long_name, "1"}, {umlaut, "2"}}));
  const SourceList list = list_split({.source = root.path()}, "x", "", 1);
  REQUIRE(list.files.size() == 2);
  CHECK(list.files[0].name == umlaut);
  CHECK(list.files[1].name == long_name);
  const SourceReader reader(list);
  CHECK(reader.read(list.files[1]) == std::vector{std::byte{'1'}});
}

TEST_CASE("samples of WebDataset that cannot be packed are refused with archive and member", "[preprocess]") {
  const TemporaryFolder root;
  const std::string tar = root / "x-000.tar";
  const auto refusal = [&](const Files& files, const std::string& classes = {}) {
    write_text(tar, tar_of(files));
    return listing_error(root, classes);
  };
  CHECK(refusal({{"1.jpg", "x"}, {"2.cls", "0"}}) ==
        tar + ": 1.jpg: no label: expected 1.cls beside it, or 1.json with \"label\"");
  CHECK(refusal({{"1.jpg", "x"}, {"1.cls", "cat"}}) == tar + ": 1.cls: got 'cat', expected a number from 0 on");
  CHECK(refusal({{"1.jpg", "x"}, {"1.cls", "-1"}}) == tar + ": 1.cls: got '-1', expected a number from 0 on");
  CHECK(refusal({{"1.jpg", "x"}, {"1.cls", "99999999999"}}) ==
        tar + ": 1.cls: got '99999999999', expected a number from 0 on");
  CHECK(refusal({{"1.jpg", "x"}, {"1.cls", "2000000"}}) == tar + ": 1.jpg: label 2000000: expected 0 to 999999");
  CHECK(refusal({{"1.jpg", "x"}, {"1.json", "{"}}) == tar + ": 1.json: not JSON");
  CHECK(refusal({{"1.jpg", "x"}, {"1.json", R"({"label": 1.5})"}}) ==
        tar + ": 1.json: label: got 1.5, expected a number from 0 on");
  CHECK(refusal({{"1.jpg", "x"}, {"1.png", "x"}, {"1.cls", "0"}}) ==
        tar + ": 1.png: a second image of the sample after 1.jpg: expected one of each key");
  CHECK(refusal({{"1.jpg", "x"}, {"1.cls", "1"}}) ==
        root /
            "x-*.tar: no image has label 0, and the highest is 1: expected numbers from 0 on without gaps: get what is "
            "missing, or name "
            "all classes with --classes FILE");
  CHECK_THAT(refusal({{"1.txt", "x"}}), Contains("x-*.tar: no sample in these archives"));
  CHECK_THAT(refusal({{"1.jpg", "x"}, {"1.cls", "0"}, {"2.jpg", "x"}, {"2.cls", "0"}, {"1.jpg", "x"}, {"1.cls", "0"}}),
             Contains("x-000.tar: 1.jpg: would be called 0/1.jpg as is "));
  const std::string classes = root / "classes.txt";
  write_text(classes, "n01440764 tench\nn01443537 goldfish\n");
  CHECK(refusal({{"1.jpg", "x"}, {"1.cls", "1"}}, classes).empty());
  CHECK(list_split({.source = root.path(), .classes = classes}, "x", "", 1).files[0].name == "n01443537/1.jpg");
  CHECK(refusal({{"1.jpg", "x"}, {"1.cls", "2"}}, classes) ==
        tar + ": 1.jpg: label 2: expected 0 to 1, one for each class in " + classes);
  write_text(classes, "a\nb\na\n");
  CHECK(refusal({{"1.jpg", "x"}, {"1.cls", "2"}}, classes) ==
        classes + ":3: a stands in a line before already: expected each class once");
  write_text(classes, "a\n\nb\n");
  CHECK(refusal({{"1.jpg", "x"}, {"1.cls", "2"}}, classes) ==
        classes + ":2: got '', expected the name of a class, without '/'");
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST_CASE("folders of MosaicML Streaming that cannot be packed are refused with file and sample", "[preprocess]") {
  const TemporaryFolder root;
  const std::string folder = root / "x", index = folder + "/index.json", file = folder + "/s.mds";
  const MdsShard good = mds_shard({{0, 0, "image"}, {1, 1, "other"}}, "s.mds");
  const auto refusal = [&](const std::string& bytes, const std::string& json, const std::string& version = "2") {
    write_file(file, bytes);
    write_file(index, R"({"version":)" + version + R"(,"shards":[)" + json + "]}");
    return listing_error(root);
  };
  REQUIRE(refusal(good.bytes, good.json).empty());
  const auto with = [&](const std::string& from, const std::string& to) {
    return refusal(good.bytes, replaced(good.json, from, to));
  };
  CHECK(refusal(good.bytes, good.json, "3") == index + ": version: got 3, expected 2");
  CHECK(refusal(good.bytes, "") == index + ": no shards, expected at least one");
  CHECK(refusal(good.bytes, "7") == index + ": shard 0: format: missing, expected \"mds\"");
  CHECK(refusal(good.bytes, "{") == index + ": not JSON");
  CHECK(with("\"mds\"", "\"csv\"") == index + ": shard 0: format: got 'csv', expected mds");
  for (const char* name : {"../s.mds", "/etc/passwd", "a/../../s.mds", ""})
    CHECK(with("s.mds", name) ==
          str(index, ": shard 0: raw_data: basename: got '", name, "', expected the name of a file in this folder"));
  CHECK_THAT(with("s.mds", "gone.mds"), Contains(folder + "/gone.mds: cannot open: No such file"));
  CHECK_THAT(with("\"samples\":2", "\"samples\":3"), Contains("s.mds: holds 2 samples, expected 3 as index.json says"));
  CHECK_THAT(with("\"samples\":2", "\"samples\":-3"), Contains("s.mds: holds 2 samples, expected -3"));
  CHECK_THAT(with("\"samples\":2", "\"samples\":\"2\""), Contains("shard 0: samples: got \"2\", expected a number"));
  CHECK_THAT(with("\"bytes\":", "\"bytes\":-"), Contains("shard 0: raw_data: bytes: got -"));
  CHECK_THAT(with("\"bytes\":", "\"bytes\":9"), Contains(", expected 9"));
  CHECK_THAT(
      with("[8,null,8]", "[8,null]"),
      Contains("shard 0: column_names, column_encodings, column_sizes: expected three lists of the same length"));
  CHECK_THAT(with("[8,null,8]", "[8,null,-8]"),
             Contains("shard 0: column 2: expected a name, an encoding, and a size or null"));
  CHECK_THAT(with("[8,null,8]", "[8,null,4]"),
             Contains("shard 0: got the columns i (int), x (jpeg), y (int), expected x (jpeg, png or bytes), y"));
  CHECK_THAT(with("\"x\"", "\"image\""),
             Contains("shard 0: got the columns i (int), image (jpeg), y (int), expected x"));

  const auto number_at = [&](std::size_t at, std::uint32_t value) {
    std::string bytes = good.bytes;
    for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i));
    return refusal(bytes, good.json);
  };
  const std::size_t first = good.bytes.find("image") - 12;
  CHECK_THAT(number_at(0, 0xffffffff), Contains("s.mds: holds 4294967295 samples, expected 2"));
  CHECK_THAT(number_at(8, 0xffffffff),
             Contains("s.mds: sample 0: from byte ") && Contains(" to 4294967295, expected a range"));
  CHECK_THAT(number_at(8, 0), Contains("s.mds: sample 0: from byte ") && Contains(" to 0, expected a range"));
  CHECK_THAT(number_at(first, 0xffffffff),
             Contains("s.mds: sample 0: column x has 4294967295 bytes, and there are 13"));
  CHECK_THAT(number_at(first + 4, 1), Contains("s.mds: sample 1: i: got 1, as in "));
  CHECK_THAT(number_at(good.bytes.size() - 4, 1),
             Contains("s.mds: sample 1: y: got 4294967297, expected a label from 0 to 999999"));
  CHECK_THAT(refusal(good.bytes + "x", good.json),
             Contains("s.mds: has ") && Contains(" as index.json says: copy it again"));

  const MdsShard zipped = mds_shard({{0, 0, "image"}, {1, 1, "other"}}, "t.mds", true, "s.mds");
  REQUIRE(refusal(zstd_of(zipped.bytes), zipped.json).empty());
  CHECK_THAT(refusal(zstd_of(zipped.bytes + "x"), zipped.json), Contains("s.mds: decompressed it has more than "));
  CHECK_THAT(refusal(zstd_of(zipped.bytes.substr(1)), zipped.json), Contains("s.mds: decompressed it has "));
  CHECK_THAT(refusal("no zstd", zipped.json), Contains("s.mds: "));
  CHECK_THAT(refusal(zstd_of(zipped.bytes), replaced(zipped.json, "zstd:7", "br")),
             Contains("shard 0: compression: got 'br', expected zstd or none"));
}

/// Lists the split and reads every image of it; what is wrong is an Error.
void list_and_read(const SourceOptions& options) {
  try {
    const SourceList list = list_split(options, "x", "", 1);
    const SourceReader reader(list);
    for (const auto& file : list.files) {
      if (file.container >= 0 && list.containers[static_cast<std::size_t>(file.container)].unpacked_bytes >= 0)
        continue;
      try {
        reader.read(file);
      } catch (const Error&) {
      }
    }
  } catch (const Error&) {
  }
}

TEST_CASE("no truncation and no change of bytes of a container does more than an error", "[preprocess]") {
  const TemporaryFolder root;
  const Files files = {
      {"a/1.png", std::string(600, 'x')}, {"a/" + std::string(120, 'y') + ".jpg", "y"}, {"b/1.png", "zz"}};
  const MdsShard raw = mds_shard(mds_samples(files), "s.mds"),
                 zipped = mds_shard(mds_samples(files), "t.mds", true, "s.mds");
  struct Victim {
    std::string path, bytes;
  };
  std::vector<std::pair<std::string, std::vector<Victim>>> sources;
  sources.push_back({"tar", {{"x.tar", tar_of(files).substr(0, 6 * 1024)}}});
  sources.push_back({"tars", {{"x.tar", tar_of_class_tars(files)}}});
  Files samples;
  for (const auto& sample : web_dataset_samples(files)) samples.insert(samples.end(), sample.begin(), sample.end());
  sources.push_back({"web", {{"x-0.tar", tar_of(samples)}}});
  sources.push_back(
      {"mds", {{"x/s.mds", raw.bytes}, {"x/index.json", R"({"version":2,"shards":[)" + raw.json + "]}"}}});
  sources.push_back(
      {"zip",
       {{"x/s.mds", zstd_of(zipped.bytes)}, {"x/index.json", R"({"version":2,"shards":[)" + zipped.json + "]}"}}});

  std::mt19937 random(1);
  for (const auto& [name, victims] : sources) {
    CAPTURE(name);
    const SourceOptions options{.source = root / name};
    for (const auto& victim : victims) write_file(options.source + "/" + victim.path, victim.bytes);
    REQUIRE(message_of([&] { list_split(options, "x", "", 1); }).empty());
    for (const auto& victim : victims) {
      const std::string path = options.source + "/" + victim.path;
      const std::size_t step = victim.bytes.size() > 8192 ? 7 : 1;
      for (std::size_t length = 0; length < victim.bytes.size(); length += step) {
        write_text(path, victim.bytes.substr(0, length));
        list_and_read(options);
      }
      for (int change = 0; change < 1000; ++change) {
        std::string bytes = victim.bytes;
        for (unsigned k = 0; k <= random() % 3; ++k) bytes[random() % bytes.size()] = static_cast<char>(random());
        write_text(path, bytes);
        list_and_read(options);
      }
      write_text(path, victim.bytes);
    }
  }
}

}  // namespace
}  // namespace mosaic::test
