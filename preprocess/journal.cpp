#include "preprocess/journal.h"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"

namespace mosaic {
namespace {

constexpr char kFirstLine[] = "mosaic_resnet pack journal 1";

/// Adds what the line says. Returns false if it says nothing that we know.
bool read_line(const std::string& line, Journal& journal) {
  std::istringstream in(line);
  std::string word;
  in >> word;
  if (word == "options") {
    in >> journal.options;
  } else if (word == "part") {
    Journal::Part part;
    in >> part.begin >> part.end >> part.sources;
    journal.parts.push_back(std::move(part));
  } else if (word == "bad" && !journal.parts.empty()) {
    BadFile bad;
    in >> bad.file >> std::ws;
    std::getline(in, bad.fault);
    journal.parts.back().bad.push_back(std::move(bad));
    return !in.bad();
  } else if (word == "whole" && !journal.parts.empty()) {
    std::int64_t files = 0;
    std::string reason;
    in >> files >> std::ws;
    std::getline(in, reason);
    journal.parts.back().whole[reason] = files;
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

std::optional<Journal> read_journal(const std::string& path) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  const auto bytes = read_file(path);
  std::istringstream in(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  std::string line;
  if (!std::getline(in, line) || line != kFirstLine) return std::nullopt;
  Journal journal;
  while (std::getline(in, line))
    if (!read_line(line, journal)) return std::nullopt;
  return journal;
}

void write_journal(const std::string& path, const Journal& journal) {
  std::string text = str(kFirstLine, "\noptions ", journal.options, "\n");
  for (const auto& part : journal.parts) {
    text += str("part ", part.begin, " ", part.end, " ", part.sources, "\n");
    for (const auto& bad : part.bad) text += str("bad ", bad.file, " ", on_one_line(bad.fault), "\n");
    for (const auto& [reason, files] : part.whole) text += str("whole ", files, " ", reason, "\n");
  }
  if (!journal.fingerprint.empty()) text += str("finished ", journal.fingerprint, "\n");
  write_file_atomically(path, text);
}

std::string digest_of_options(const std::vector<std::string>& class_names, std::uint64_t shard_size, bool keep_files) {
  Sha256 sha;
  sha.add(str("shard size ", shard_size, "\nJPEG files ", keep_files ? "kept" : "packed", "\n"));
  for (const auto& name : class_names) sha.add(str(name.size(), " ", name, "\n"));
  return sha.hex();
}

std::string digest_of_sources(const ImageFolder& source, std::int64_t begin, std::int64_t end) {
  Sha256 sha;
  for (std::int64_t i = begin; i < end; ++i) {
    const SourceFile& file = source.files[static_cast<std::size_t>(i)];
    sha.add(str(file.name.size(), " ", file.name, " ", file.bytes, " ", file.modified, " ", file.label, "\n"));
  }
  return sha.hex();
}

}  // namespace mosaic
