#include "base/text.h"

#include "base/error.h"
#include "catch.h"
#include "preprocess/command_line.h"
#include "preprocess/export_files.h"
#include "preprocess/table.h"
#include "support.h"

namespace mosaic::test {
namespace {

using Catch::Matchers::Contains;

Command parsed(std::vector<const char*> words) {
  words.insert(words.begin(), "preprocess");
  auto command = parse_command_line(static_cast<int>(words.size()), words.data());
  REQUIRE(command.has_value());
  return *command;
}

std::string refusal(std::vector<const char*> words) {
  return message_of([&] { parsed(words); });
}

TEST_CASE("tables, numbers, sizes and times are written for people", "[preprocess]") {
  CHECK(table_text({{"", "train", "val"}, {"images", "1,000", "7"}, {"Vögel", "1"}}) ==
        "        train  val\nimages  1,000    7\nVögel       1\n");
  CHECK(with_separators(0) == "0");
  CHECK(with_separators(999) == "999");
  CHECK(with_separators(1281167) == "1,281,167");
  CHECK(with_separators(-100) == "-100");
  CHECK(with_separators(-1000) == "-1,000");
  CHECK(bytes_text(1023) == "1023 bytes");
  CHECK(bytes_text(1536) == "1.5 KiB");
  CHECK(bytes_text(std::uint64_t{140} << 30) == "140.0 GiB");
  CHECK(seconds_text(65) == "1:05");
  CHECK(seconds_text(3725) == "1:02:05");
}

TEST_CASE("sizes are read with and without units", "[preprocess]") {
  CHECK(parse_size("1GiB", "--shard-size") == std::uint64_t{1} << 30);
  CHECK(parse_size("512 MiB", "--shard-size") == std::uint64_t{512} << 20);
  CHECK(parse_size("1.5kb", "--shard-size") == 1500);
  CHECK(parse_size("100000", "--shard-size") == 100000);
  for (const char* wrong : {"", "GiB", "0", "-1", "1 GiBs", "1e30", "nan", "inf", "1G"})
    CHECK(message_of([&] { parse_size(wrong, "--shard-size"); }) ==
          str("--shard-size: got '", wrong, "', expected a number of bytes like 512MiB or 1GiB"));
}

TEST_CASE("the ways to store images exclude each other, and scaling down is not for val", "[preprocess]") {
  const auto storage = [](std::vector<const char*> more) {
    more.insert(more.begin(), {"pack", "in", "out"});
    return std::get<PackOptions>(parsed(more)).storage;
  };
  CHECK(storage({}).jpeg == Storage::Jpeg::kPacked);
  CHECK(storage({"--raw"}).jpeg == Storage::Jpeg::kPixels);
  CHECK(storage({"--keep-files"}).jpeg == Storage::Jpeg::kFile);
  CHECK(storage({"--max-side", "256", "--split", "train"}).max_side == 256);
  CHECK_THAT(refusal({"pack", "in", "out", "--raw", "--keep-files"}), Contains("--keep-files excludes --raw"));
  CHECK_THAT(refusal({"pack", "in", "out", "--max-side", "9", "--raw"}), Contains("--raw excludes --max-side"));
  CHECK(refusal({"pack", "in", "out", "--max-side", "0"}) == "--max-side: got 0, expected 1 to 65535");
  CHECK(refusal({"pack", "in", "out", "--max-side", "256", "--split", "val"}) ==
        "--max-side: scales images down, so it is not for --split val: accuracy is measured on the images as they are");
}

TEST_CASE("the command line of pack is read, several splits too", "[preprocess]") {
  const auto pack = std::get<PackOptions>(parsed({"pack", "in", "out", "--split", "a", "b", "--skip-bad", "7",
                                                  "--shard-size", "2MiB", "--threads", "3", "--overwrite"}));
  CHECK(pack.source == "in");
  CHECK(pack.out == "out");
  CHECK(pack.splits == std::vector<std::string>{"a", "b"});
  CHECK(pack.skip_bad == 7);
  CHECK(pack.shard_size == 2 << 20);
  CHECK(pack.threads == 3);
  CHECK(pack.overwrite);

  const auto plain = std::get<PackOptions>(parsed({"pack", "--split", "open", "in", "out"}));  // positionals last
  CHECK(plain.source == "in");
  CHECK(plain.splits == std::vector<std::string>{"open"});
  CHECK(plain.shard_size == 1 << 30);
  CHECK(plain.skip_bad == 0);
  CHECK_FALSE(plain.overwrite);
}

TEST_CASE("the command lines of the other commands are read", "[preprocess]") {
  CHECK(std::get<InfoOptions>(parsed({"info", "o", "--split", "val"})).split == "val");
  CHECK(std::get<VerifyOptions>(parsed({"verify", "o", "--threads", "2"})).threads == 2);
  CHECK_FALSE(std::get<VerifyOptions>(parsed({"verify", "o"})).split.has_value());
  CHECK(std::get<ExportOptions>(parsed({"export", "o", "d"})).to == "d");
  const auto show = std::get<ShowOptions>(parsed(
      {"show", "o", "--split", "val", "--sample", "9", "--crop", "1,2,30,40", "--side", "64", "--flip", "--out", "f"}));
  CHECK(show.sample == 9);
  CHECK(show.crop == Box{1, 2, 30, 40});
  CHECK(show.side == 64);
  CHECK(show.flip);
  CHECK(show.to == "f");
}

TEST_CASE("a wrong command line is refused with what was expected", "[preprocess]") {
  CHECK_THAT(refusal({}), Contains("command line: A subcommand is required"));
  CHECK_THAT(refusal({"pack", "in"}), Contains("command line: OUT is required"));
  CHECK_THAT(refusal({"pack", "in", "out", "--thread", "2"}), Contains("command line: "));
  CHECK(refusal({"pack", "in", "out", "--threads", "0"}) == "--threads: got 0, expected 1 to 4096");
  CHECK_THAT(refusal({"pack", "in", "out", "--skip-bad", "-1"}), Contains("--skip-bad: got -1, expected 0 to"));
  CHECK(refusal({"pack", "in", "out", "--split", "a/b"}) ==
        "--split: got 'a/b', expected the name of a folder in SOURCE, without '/'");
  CHECK(refusal({"show", "o", "--split", "v", "--sample", "0", "--out", "f", "--crop", "1,2,3"}) ==
        "--crop: got '1,2,3', expected four whole numbers x,y,width,height like 10,0,224,224");
  CHECK_THAT(refusal({"show", "o", "--split", "v", "--sample", "0", "--out", "f", "--crop", "1,2,3,4,5"}),
             Contains("--crop: got '1,2,3,4,5'"));
  CHECK(refusal({"show", "o", "--split", "v", "--sample", "0", "--out", "f", "--side", "0"}) ==
        "--side: got 0, expected 1 to 65535");
}

TEST_CASE("no name in a shard leads out of the folder that it is exported to", "[preprocess]") {
  CHECK(safe_relative_path("n01/x.JPEG") == "n01/x.JPEG");
  CHECK(safe_relative_path("/etc/passwd") == "etc/passwd");
  CHECK(safe_relative_path("../../x") == "_/_/x");
  CHECK(safe_relative_path("a/../../x") == "a/_/_/x");
  CHECK(safe_relative_path("./a//b/.") == "a/b");
  CHECK(safe_relative_path("..") == "_");
  CHECK(safe_relative_path("") == "_");
  CHECK(safe_relative_path("a/..b") == "a/..b");
}

}  // namespace
}  // namespace mosaic::test
