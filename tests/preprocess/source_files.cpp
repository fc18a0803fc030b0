#include "preprocess/source_files.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "catch.h"
#include "preprocess/image_folder.h"
#include "support.h"

namespace mosaic::test {
namespace {

namespace fs = std::filesystem;

std::string octal(std::uint64_t number, int width) {
  char text[32];
  std::snprintf(text, sizeof text, "%0*llo", width - 1, static_cast<unsigned long long>(number));
  return std::string(text) + '\0';
}

std::string padded(std::string text, std::size_t to) {
  text.resize((text.size() + to - 1) / to * to, '\0');
  return text;
}

std::string tar_member(const std::string& name, const std::string& bytes, char type) {
  std::string header = name.substr(0, 100);
  header.resize(100, '\0');
  header += octal(0644, 8) + octal(0, 8) + octal(0, 8) + octal(bytes.size(), 12) + octal(1'300'000'000, 12) +
            std::string(8, ' ') + type;
  header.resize(257, '\0');
  header += std::string(
      "ustar\0"
      "00",
      8);
  header.resize(512, '\0');
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  header.replace(148, 8, octal(sum, 7) + ' ');
  return header + padded(bytes, 512);
}

template <class T>
std::string little_endian(T value) {
  std::string text;
  for (std::size_t i = 0; i < sizeof value; ++i) text += static_cast<char>(value >> (8 * i));
  return text;
}

}  // namespace

Files files_of_folder(const std::string& folder) {
  const SourceList list = list_image_folder(folder, "all");
  Files files;
  for (const auto& file : list.files) files.emplace_back(file.name, read_text(list.where(file)));
  return files;
}

std::string tar_of(const Files& files) {
  std::string tar;
  for (const auto& [name, bytes] : files) {
    if (name.size() > 100) tar += tar_member("././@LongLink", name + '\0', 'L');
    tar += tar_member(name, bytes, name.ends_with('/') ? '5' : '0');
  }
  return padded(tar + std::string(1024, '\0'), 10240);
}

std::string tar_of_class_tars(const Files& files) {
  std::map<std::string, Files> classes;
  for (const auto& [name, bytes] : files) {
    const std::size_t slash = name.find('/');
    classes[name.substr(0, slash)].emplace_back(name.substr(slash + 1), bytes);
  }
  Files tars;
  for (const auto& [name, members] : classes) tars.emplace_back(name + ".tar", tar_of(members));
  return tar_of(tars);
}

std::vector<Files> web_dataset_samples(const Files& files) {
  std::map<std::string, int> labels;
  for (const auto& [name, bytes] : files)
    labels.emplace(name.substr(0, name.find('/')), static_cast<int>(labels.size()));
  std::vector<Files> samples;
  for (const auto& [name, bytes] : files)
    samples.push_back(
        {{name, bytes}, {name.substr(0, name.rfind('.')) + ".cls", str(labels.at(name.substr(0, name.find('/'))))}});
  return samples;
}

std::vector<MdsSample> mds_samples(const Files& files) {
  std::map<std::string, int> labels;
  std::vector<MdsSample> samples;
  for (const auto& [name, bytes] : files) {
    labels.emplace(name.substr(0, name.find('/')), static_cast<int>(labels.size()));
    samples.push_back({static_cast<std::int64_t>(samples.size()), labels.at(name.substr(0, name.find('/'))), bytes});
  }
  return samples;
}

MdsShard mds_shard(const std::vector<MdsSample>& samples, const std::string& name, bool with_i,
                   const std::optional<std::string>& zip) {
  const std::string columns = with_i ? R"(["i","x","y"])" : R"(["x","y"])",
                    encodings = with_i ? R"(["int","jpeg","int"])" : R"(["jpeg","int"])",
                    sizes = with_i ? "[8,null,8]" : "[null,8]";
  std::string description = R"({"column_names":)" + columns + "}";  // a reader looks into index.json
  std::string offsets, body;
  const std::size_t begin = 4 * (samples.size() + 2) + description.size();
  for (const auto& sample : samples) {
    offsets += little_endian(static_cast<std::uint32_t>(begin + body.size()));
    body += little_endian(static_cast<std::uint32_t>(sample.x.size())) +
            (with_i ? little_endian(static_cast<std::uint64_t>(sample.i)) : "") + sample.x +
            little_endian(static_cast<std::uint64_t>(sample.y));
  }
  offsets += little_endian(static_cast<std::uint32_t>(begin + body.size()));
  MdsShard shard;
  shard.bytes = little_endian(static_cast<std::uint32_t>(samples.size())) + offsets + description + body;
  const auto file = [](const std::string& base, std::size_t bytes) {
    return str(R"({"basename":")", base, R"(","bytes":)", bytes, R"(,"hashes":{}})");
  };
  shard.json = str(R"({"format":"mds","version":2,"column_names":)", columns, R"(,"column_encodings":)", encodings,
                   R"(,"column_sizes":)", sizes, R"(,"compression":)", zip ? R"("zstd:7")" : "null",
                   R"(,"hashes":[],"raw_data":)", file(name, shard.bytes.size()), R"(,"zip_data":)",
                   zip ? file(*zip, zstd_of(shard.bytes).size()) : "null", R"(,"samples":)", samples.size(),
                   R"(,"size_limit":67108864})");
  return shard;
}

void write_mds_folder(const std::string& folder, const std::vector<MdsSample>& samples, std::size_t per_shard,
                      bool zstd, bool with_i) {
  std::string shards;
  for (std::size_t begin = 0; begin < samples.size(); begin += per_shard) {
    const auto first = samples.begin() + static_cast<std::ptrdiff_t>(begin);
    const std::string name = str("shard.", 10000 + begin / per_shard, ".mds");
    const MdsShard shard =
        mds_shard({first, first + static_cast<std::ptrdiff_t>(std::min(per_shard, samples.size() - begin))}, name,
                  with_i, zstd ? std::optional(name + ".zstd") : std::nullopt);
    write_file(folder + "/" + name + (zstd ? ".zstd" : ""), zstd ? zstd_of(shard.bytes) : shard.bytes);
    shards += (shards.empty() ? "" : ",") + shard.json;
  }
  write_file(folder + "/index.json", R"({"version":2,"shards":[)" + shards + "]}");
}

std::string zstd_of(const std::string& bytes) {
  archive* a = archive_write_new();
  archive_write_set_format_raw(a);
  archive_write_add_filter_zstd(a);
  std::string out(bytes.size() + 4096, '\0');
  std::size_t used = 0;
  REQUIRE(archive_write_set_bytes_in_last_block(a, 1) == ARCHIVE_OK);
  REQUIRE(archive_write_open_memory(a, out.data(), out.size(), &used) == ARCHIVE_OK);
  archive_entry* entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_entry_set_pathname(entry, "data");
  REQUIRE(archive_write_header(a, entry) == ARCHIVE_OK);
  REQUIRE(archive_write_data(a, bytes.data(), bytes.size()) == static_cast<la_ssize_t>(bytes.size()));
  archive_entry_free(entry);
  REQUIRE(archive_write_close(a) == ARCHIVE_OK);
  archive_write_free(a);
  out.resize(used);
  return out;
}

void write_file(const std::string& path, const std::string& text) {
  fs::create_directories(fs::path(path).parent_path());
  write_text(path, text);
}

}  // namespace mosaic::test
