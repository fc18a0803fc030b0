#include "preprocess/tar_listing.h"

#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/error.h"
#include "preprocess/archive_reader.h"
#include "preprocess/source_list.h"
#include "preprocess/source_reader.h"

namespace mosaic {
namespace {

constexpr std::int64_t kBlock = 512;  // of a tar: headers take one, files are filled up to whole ones

constexpr char kNoTar[] = "no tar, or a compressed one (unpack it to a .tar before), or a damaged one: ";

/// What libarchive reads from: a part of a file. Blocks are small, since images are large and only what stands between is wanted.
struct Part {
  const FileDescriptor& file;
  std::int64_t at, end;
  const std::string& where;
  std::array<std::byte, 8 * kBlock> block;
  std::string failure;  // of the last call; exceptions must not pass through a library in C
};

la_ssize_t read_part(archive* a, void* client, const void** block) {
  Part& part = *static_cast<Part*>(client);
  const auto bytes = static_cast<std::size_t>(std::min<std::int64_t>(part.block.size(), part.end - part.at));
  try {
    read_at(part.file, part.at, std::span(part.block).first(bytes), part.where);
  } catch (const Error& e) {
    part.failure = e.what();
    archive_set_error(a, -1, "cannot read");
    return ARCHIVE_FATAL;
  }
  part.at += static_cast<std::int64_t>(bytes);
  *block = part.block.data();
  return static_cast<la_ssize_t>(bytes);
}

la_int64_t skip_part(archive*, void* client, la_int64_t bytes) {
  Part& part = *static_cast<Part*>(client);
  const std::int64_t skipped = std::clamp<std::int64_t>(bytes, 0, part.end - part.at);
  part.at += skipped;
  return skipped;
}

std::string name_of(archive_entry* entry, const std::string& where) {
  const char* name = archive_entry_pathname(entry);
  if (!name) name = archive_entry_pathname_utf8(entry);  // of a pax header, whatever the locale
  if (!name || !*name) throw Error(str(where, ": a member has no name that can be read: pack the archive anew"));
  std::string text = name;
  while (text.starts_with("./")) text.erase(0, 2);
  return text;
}

/// @return whether it is a regular file, whose bytes all stand there
bool is_file(archive_entry* entry, const std::string& name, const std::string& where) {
  const bool link = archive_entry_hardlink(entry) || archive_entry_filetype(entry) == AE_IFLNK;
  if (link && is_called_image(name))
    throw Error(str(where, ": ", name,
                    ": a link to another file, expected the file itself: pack the archive anew with "
                    "tar --dereference --hard-dereference"));
  if (link || archive_entry_filetype(entry) != AE_IFREG) return false;
  if (archive_entry_sparse_count(entry) > 0)
    throw Error(str(where, ": ", name, ": stored as a sparse file: pack the archive anew without tar --sparse"));
  return true;
}

bool is_zero(const FileDescriptor& file, std::int64_t offset, const std::string& where) {
  std::array<std::byte, kBlock> block;
  read_at(file, offset, block, where);
  return std::all_of(block.begin(), block.end(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

std::vector<TarMember> list_tar(const FileDescriptor& file, std::int64_t begin, std::int64_t end,
                                const std::string& where) {
  Part part{file, begin, end, where, {}, {}};
  const ArchiveReader reader = new_archive_reader();
  archive* a = reader.get();
  archive_read_support_format_tar(a);  // and no filter: what is compressed has no offsets
  archive_read_set_format_option(a, "tar", "read_concatenated_archives", "1");
  const auto fail = [&](const std::string& before) {
    throw Error(part.failure.empty() ? str(where, ": ", before, reason_of(a, "no reason given")) : part.failure);
  };
  if (archive_read_open2(a, &part, nullptr, read_part, skip_part, nullptr) != ARCHIVE_OK) fail(kNoTar);

  std::vector<TarMember> members;
  std::int64_t done = begin;  // where the last member ends
  const std::string cut = "the archive is damaged or not all there: copy it again: ";
  archive_entry* entry = nullptr;
  int result = ARCHIVE_OK;
  while ((result = archive_read_next_header(a, &entry)) == ARCHIVE_OK || result == ARCHIVE_WARN) {
    const std::int64_t offset = begin + archive_filter_bytes(a, 0);  // headers are read: here its bytes begin
    const std::string name = name_of(entry, where);
    const std::int64_t bytes = archive_entry_size(entry);
    if (is_file(entry, name, where)) {
      if (bytes < 0 || offset > end || bytes > end - offset)
        throw Error(str(where, ": ", cut, name, " takes ", bytes, " bytes from ", offset, " on, and there are ",
                        end - std::min(offset, end)));
      members.push_back({name, offset, bytes});
    }
    if (archive_read_data_skip(a) != ARCHIVE_OK) fail(cut);
    done = begin + archive_filter_bytes(a, 0);
  }
  if (result != ARCHIVE_EOF) fail(members.empty() ? kNoTar : cut);
  if (done > end - kBlock || !is_zero(file, done, where))
    throw Error(str(where, ": ", cut, "after ", members.size(), " files there is no end mark (two blocks of zeros)"));
  return members;
}

std::vector<TarMember> list_tar(const std::string& path) {
  const FileState state = state_of(path);
  return list_tar(open_to_read(path), 0, state.bytes, path);
}

}  // namespace mosaic
