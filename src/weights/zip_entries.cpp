#include "weights/zip_entries.h"

#include <archive.h>
#include <archive_entry.h>

#include <memory>

#include "base/error.h"
#include "base/file.h"

namespace mosaic {
namespace {

struct Free {
  void operator()(archive* a) const { archive_free(a); }
  void operator()(archive_entry* e) const { archive_entry_free(e); }
};
using Archive = std::unique_ptr<archive, Free>;
using Entry = std::unique_ptr<archive_entry, Free>;

[[noreturn]] void fail(archive* a, const std::string& before) {
  const char* reason = archive_error_string(a);
  throw Error(before + (reason ? reason : "unknown error"));
}

std::vector<std::byte> read_entry(archive* a, archive_entry* entry, const std::string& name, std::size_t most) {
  if (!archive_entry_size_is_set(entry) || archive_entry_size(entry) < 0 ||
      static_cast<std::uint64_t>(archive_entry_size(entry)) > most)
    throw Error(str(name, ": claims ", archive_entry_size(entry), " bytes, the archive has ", most));
  std::vector<std::byte> bytes(static_cast<std::size_t>(archive_entry_size(entry)));
  std::size_t at = 0;
  while (at < bytes.size()) {
    const la_ssize_t got = archive_read_data(a, bytes.data() + at, bytes.size() - at);
    if (got < 0) fail(a, name + ": ");
    if (got == 0) throw Error(str(name, ": ends after ", at, " of ", bytes.size(), " bytes"));
    at += static_cast<std::size_t>(got);
  }
  std::byte more;  // only a read at the end compares the checksum
  if (archive_read_data(a, &more, 1) != 0) fail(a, name + ": ");
  return bytes;
}

}  // namespace

std::map<std::string, std::vector<std::byte>> read_zip(std::span<const std::byte> contents) {
  const Archive reader(archive_read_new());
  archive* a = reader.get();
  archive_read_support_format_zip_seekable(a);
  if (archive_read_open_memory(a, contents.data(), contents.size()) != ARCHIVE_OK) fail(a, "not a zip archive: ");
  std::map<std::string, std::vector<std::byte>> files;
  std::size_t left = contents.size();  // entries may overlap in a hostile archive
  archive_entry* entry = nullptr;
  int result = ARCHIVE_OK;
  while ((result = archive_read_next_header(a, &entry)) == ARCHIVE_OK) {
    const char* name = archive_entry_pathname(entry);
    if (!name || archive_entry_filetype(entry) != AE_IFREG) continue;
    auto bytes = read_entry(a, entry, name, left);
    left -= bytes.size();
    files[name] = std::move(bytes);
  }
  if (result != ARCHIVE_EOF) fail(a, "not a whole zip archive: ");
  return files;
}

void write_zip(const std::string& path, const std::map<std::string, std::span<const std::byte>>& files) {
  const Archive writer(archive_write_new());
  archive* a = writer.get();
  archive_write_set_format_zip(a);
  archive_write_zip_set_compression_store(a);
  if (archive_write_open_filename(a, path.c_str()) != ARCHIVE_OK) fail(a, path + ": cannot write: ");
  for (const auto& [name, bytes] : files) {
    const Entry entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes.size()));
    archive_entry_set_mtime(entry.get(), 315532800, 0);  // 1980, where zip's time begins: same bytes on any day
    if (archive_write_header(a, entry.get()) != ARCHIVE_OK ||
        archive_write_data(a, bytes.data(), bytes.size()) != static_cast<la_ssize_t>(bytes.size()))
      fail(a, path + ": cannot write: ");
  }
  if (archive_write_close(a) != ARCHIVE_OK) fail(a, path + ": cannot write: ");
  sync(open_to_read(path), path);
}

}  // namespace mosaic
