#include "preprocess/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "base/error.h"
#include "base/version.h"

namespace mosaic {
namespace {

constexpr char kOutHelp[] = "folder that holds the shards";
constexpr char kJsonHelp[] = "one line of JSON in place of the table";
constexpr int kMostThreads = 4096;
constexpr int kMostSide = 65535;

/// One folder's name, since it begins the shards' names.
void check_split_name(const std::string& split) {
  if (split.empty() || split == "." || split == ".." || split.find('/') != std::string::npos)
    throw Error(str("--split: got '", split, "', expected the name of a folder in SOURCE, without '/'"));
}

Box parse_crop(const std::string& text) {
  int numbers[4] = {};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (int i = 0; i < 4; ++i) {
    const auto [after, failure] = std::from_chars(at, end, numbers[i]);
    const bool separated = i < 3 ? after != end && *after == ',' : after == end;
    if (failure != std::errc() || !separated)
      throw Error(str("--crop: got '", text, "', expected four whole numbers x,y,width,height like 10,0,224,224"));
    at = after + 1;
  }
  return {numbers[0], numbers[1], numbers[2], numbers[3]};
}

StoredKind parse_kind(const std::string& text) {
  if (text == "packed") return StoredKind::kPackedJpeg;
  if (text == "file") return StoredKind::kJpegFile;
  if (text == "pixels") return StoredKind::kPixels;
  throw Error(str("--kind: got '", text, "', expected packed, file or pixels"));
}

template <class T>
void check_range(const char* option, T value, T low, T high) {
  if (value < low || value > high) throw Error(str(option, ": got ", value, ", expected ", low, " to ", high));
}

void check_max_side(const PackOptions& pack) {
  check_range("--max-side", pack.storage.max_side, 1, kMostSide);
  if (std::find(pack.splits.begin(), pack.splits.end(), kValidation) != pack.splits.end())
    throw Error(str("--max-side: scales images down, so it is not for --split ", kValidation,
                    ": accuracy is measured on the images as they are"));
}

}  // namespace

std::uint64_t parse_size(const std::string& text, const std::string& option) {
  double number = 0;
  const auto [after, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string unit(after, text.data() + text.size());
  unit.erase(0, unit.find_first_not_of(' '));
  std::transform(unit.begin(), unit.end(), unit.begin(), [](unsigned char c) { return std::toupper(c); });
  double factor = unit.empty() || unit == "B" ? 1 : 0;
  for (int power = 1; power <= 4; ++power) {
    const std::string prefix(1, "?KMGT"[power]);
    if (unit == prefix + "IB") factor = std::pow(1024.0, power);
    if (unit == prefix + "B") factor = std::pow(1000.0, power);
  }
  const double bytes = number * factor;
  if (failure != std::errc() || !(bytes >= 1 && bytes <= 1e15))
    throw Error(str(option, ": got '", text, "', expected a number of bytes like 512MiB or 1GiB"));
  return static_cast<std::uint64_t>(bytes);
}

std::optional<Command> parse_command_line(int argc, const char* const* argv) {
  CLI::App app("Packs images in folders or archives into HDF5 shards for mosaic_resnet, and looks into them.",
               "preprocess");
  app.require_subcommand(1);
  app.set_version_flag("--version", str("preprocess ", version()), "print the version");

  PackOptions pack;
  std::string shard_size = "1GiB";
  CLI::App* pack_command =
      app.add_subcommand("pack", "the images of SOURCE/train and SOURCE/val, in folders or archives, to shards in OUT");
  pack_command
      ->add_option("SOURCE", pack.source,
                   "folder that holds train and val: folders of class folders, tars, WebDataset, MDS or Parquet")
      ->required();
  pack_command->add_option("OUT", pack.out, "folder for the shards; made if it is not there")->required();
  pack_command->add_option("--split", pack.splits, "pack SOURCE/NAME instead of train and val; several are possible")
      ->type_name("NAME");
  pack_command
      ->add_option("--labels", pack.labels.labels,
                   "classes of images in no folders: a line each with its class, or NAME CLASS")
      ->type_name("FILE");
  pack_command
      ->add_option("--class-ids", pack.labels.class_ids,
                   "classes that --labels has as numbers, that of 1 in the first line")
      ->type_name("FILE");
  pack_command
      ->add_option("--classes", pack.classes,
                   "names of the labels 0, 1, ... of WebDataset, MDS or Parquet, one a line; default: the numbers")
      ->type_name("FILE");
  pack_command->add_option("--skip-bad", pack.skip_bad, "leave out up to N files that cannot be decoded")
      ->type_name("N");
  pack_command
      ->add_option("--shard-size", shard_size,
                   "bytes of images per shard, and half of the memory needed; default: 1GiB")
      ->type_name("SIZE");
  bool keep_files = false, raw = false;
  pack_command->add_flag("--keep-files", keep_files,
                         "store JPEG files as they are: smaller by a fifth, but slow to decode");
  pack_command->add_flag("--raw", raw, "store JPEG files as pixels: five times as large, fastest to read")
      ->excludes("--keep-files");
  pack_command
      ->add_option("--max-side", pack.storage.max_side,
                   "store pixels, and scale images down whose shorter side is longer than N; never for val")
      ->type_name("N")
      ->excludes("--keep-files")
      ->excludes("--raw");
  pack_command->add_option("--threads", pack.threads, "decoding threads; default: one per usable core")->type_name("N");
  pack_command->add_flag("--overwrite", pack.overwrite,
                         "replace what was packed into OUT from other files or with other options");
  pack_command->add_flag("--json", pack.json, kJsonHelp);

  InfoOptions info;
  CLI::App* info_command = app.add_subcommand("info", "print what the shards in OUT hold");
  info_command->add_option("OUT", info.out, kOutHelp)->required();
  info_command->add_option("--split", info.split, "only this split")->type_name("NAME");
  info_command->add_flag("--json", info.json, kJsonHelp);

  VerifyOptions verify;
  CLI::App* verify_command = app.add_subcommand("verify", "read, check and decode every image; status 3 if one is bad");
  verify_command->add_option("OUT", verify.out, kOutHelp)->required();
  verify_command->add_option("--split", verify.split, "only this split")->type_name("NAME");
  verify_command->add_option("--threads", verify.threads, "default: one per usable core")->type_name("N");

  ExportOptions to_files;
  CLI::App* export_command = app.add_subcommand("export", "shards back to files, in DIR/split/class/");
  export_command->add_option("OUT", to_files.out, kOutHelp)->required();
  export_command->add_option("DIR", to_files.to, "folder for the files; made if it is not there")->required();
  export_command->add_option("--split", to_files.split, "only this split")->type_name("NAME");

  ShowOptions show;
  std::string crop;
  CLI::App* show_command = app.add_subcommand("show", "one image, as training sees it, to a PPM file");
  show_command->add_option("OUT", show.out, kOutHelp)->required();
  show_command->add_option("--split", show.split, "its split")->required()->type_name("NAME");
  show_command->add_option("--sample", show.sample, "its number, from 0")->required()->type_name("I");
  show_command->add_option("--crop", crop, "cut out this box; default: the whole image")->type_name("x,y,w,h");
  show_command->add_option("--side", show.side, "scale to SIDE x SIDE pixels; default: as it is")->type_name("SIDE");
  show_command->add_flag("--flip", show.flip, "mirror it");
  show_command->add_option("--out", show.to, "file to be written")->required()->type_name("F.ppm");

  BenchOptions bench;
  CLI::App* bench_command = app.add_subcommand("bench", "how fast training can load images, as one line of JSON");
  bench_command->add_option("OUT", bench.out, kOutHelp)->required();
  bench_command->add_option("--split", bench.split, "default: train")->type_name("NAME");
  bench_command->add_option("--side", bench.side, "of the crops in pixels; default: 224")->type_name("SIDE");
  bench_command->add_option("--threads", bench.threads, "default: one per usable core")->type_name("N");
  std::string kind;
  bench_command->add_option("--kind", kind, "only images stored as packed, file or pixels")->type_name("KIND");
  bench_command->add_flag("--half", bench.half, "as with decode: half");
  bench_command->add_flag("--cold", bench.cold, "before each epoch, have the system forget what it read of the shards");
  bench_command->add_option("--seconds", bench.seconds, "to measure for, after the first epoch; default: 10")
      ->type_name("T");

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    app.exit(asked);
    return std::nullopt;
  } catch (const CLI::ParseError& e) {
    throw Error(
        str("command line: ", e.what(), " (preprocess --help and preprocess COMMAND --help say what there is)"));
  }

  if (pack_command->parsed()) {
    for (const auto& split : pack.splits) check_split_name(split);
    check_range<std::int64_t>("--skip-bad", pack.skip_bad, 0, INT64_MAX);
    if (pack_command->count("--threads") > 0) check_range("--threads", pack.threads, 1, kMostThreads);
    pack.shard_size = parse_size(shard_size, "--shard-size");
    if (keep_files) pack.storage.jpeg = Storage::Jpeg::kFile;
    if (raw) pack.storage.jpeg = Storage::Jpeg::kPixels;
    if (pack_command->count("--max-side") > 0) check_max_side(pack);
    return pack;
  }
  if (info_command->parsed()) return info;
  if (verify_command->parsed()) {
    if (verify_command->count("--threads") > 0) check_range("--threads", verify.threads, 1, kMostThreads);
    return verify;
  }
  if (export_command->parsed()) return to_files;
  if (bench_command->parsed()) {
    if (bench_command->count("--threads") > 0) check_range("--threads", bench.threads, 1, kMostThreads);
    check_range("--side", bench.side, 1, kMostSide);
    check_range("--seconds", bench.seconds, 0.0, 1e6);
    if (bench_command->count("--kind") > 0) bench.kind = parse_kind(kind);
    return bench;
  }
  if (!crop.empty()) show.crop = parse_crop(crop);
  if (show.side) check_range("--side", *show.side, 1, kMostSide);
  return show;
}

}  // namespace mosaic
