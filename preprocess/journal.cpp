#include "preprocess/journal.h"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"

namespace mosaic {
namespace {

constexpr char kFirstLine[] = "mosaic_resnet pack journal 2";

/// Adds what the line says; lines on bad and whole files belong to the group before them. Returns false if it says nothing that we know.
bool read_line(const std::string& line, Journal& journal, PackedGroup*& group) {
  std::istringstream in(line);
  std::string word;
  in >> word;
  if (word == "options") {
    in >> journal.options;
  } else if (word == "group") {
    PackedGroup read;
    in >> read.number >> read.files.begin >> read.files.end >> read.sources >> read.shards;
    group = &journal.groups.insert_or_assign(read.number, std::move(read)).first->second;
  } else if (word == "bad" && group) {
    BadFile bad;
    in >> bad.file >> std::ws;
    std::getline(in, bad.fault);
    group->bad.push_back(std::move(bad));
    return !in.bad();
  } else if ((word == "whole" || word == "sampling") && group) {
    std::int64_t files = 0;
    std::string name;
    in >> files >> std::ws;
    std::getline(in, name);
    (word == "whole" ? group->whole : group->samplings)[name] = files;
    return !in.bad();
  } else if (word == "finished") {
    in >> journal.fingerprint;
  } else {
    return false;
  }
  return !in.fail();
}

std::string on_one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text;
}

}  // namespace

std::string to_text(const Journal& journal) {
  std::string text = str(kFirstLine, "\n");
  if (!journal.options.empty()) text += str("options ", journal.options, "\n");
  for (const auto& [number, group] : journal.groups) {
    text += str("group ", number, " ", group.files.begin, " ", group.files.end, " ", group.sources, " ", group.shards,
                "\n");
    for (const auto& bad : group.bad) text += str("bad ", bad.file, " ", on_one_line(bad.fault), "\n");
    for (const auto& [reason, files] : group.whole) text += str("whole ", files, " ", reason, "\n");
    for (const auto& [sampling, files] : group.samplings) text += str("sampling ", files, " ", sampling, "\n");
  }
  if (!journal.fingerprint.empty()) text += str("finished ", journal.fingerprint, "\n");
  return text;
}

std::optional<Journal> journal_of(const std::string& text) {
  std::istringstream in(text);
  std::string line;
  if (!std::getline(in, line) || line != kFirstLine) return std::nullopt;
  Journal journal;
  PackedGroup* group = nullptr;
  while (std::getline(in, line))
    if (!read_line(line, journal, group)) return std::nullopt;
  return journal;
}

std::optional<Journal> read_journal(const std::string& path) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  const auto bytes = read_file(path);
  return journal_of({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void write_journal(const std::string& path, const Journal& journal) { write_file_atomically(path, to_text(journal)); }

std::string digest_of_options(const std::vector<std::string>& class_names, std::uint64_t shard_size, Storage storage) {
  Sha256 sha;
  sha.add(str("shard size ", shard_size, "\nJPEG files ", static_cast<int>(storage.jpeg), "\nmax_side ",
              storage.max_side, "\n"));
  for (const auto& name : class_names) sha.add(str(name.size(), " ", name, "\n"));
  return sha.hex();
}

std::string digest_of_sources(const SourceList& source, SourceGroup files) {
  Sha256 sha;
  for (std::int64_t i = files.begin; i < files.end; ++i) {
    const SourceFile& file = source.files[static_cast<std::size_t>(i)];
    sha.add(str(file.name.size(), " ", file.name, " ", file.bytes, " ", file.modified, " ", file.label, "\n"));
  }
  return sha.hex();
}

}  // namespace mosaic
