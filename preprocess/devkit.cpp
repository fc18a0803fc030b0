#include "preprocess/devkit.h"

#include <archive_entry.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "preprocess/archive_reader.h"

namespace mosaic {
namespace {

constexpr std::size_t kMostBytes = std::size_t{64} << 20;  // of a file in the devkit; the largest has 0.3 MB
constexpr std::size_t kMostClasses = 100'000;

// MAT-file level 5: "MAT-File Format", The MathWorks, chapter 1.
constexpr std::uint32_t kInt8 = 1, kUint8 = 2, kInt16 = 3, kUint16 = 4, kInt32 = 5, kUint32 = 6, kDouble = 9,
                        kMatrix = 14, kCompressed = 15, kUtf8 = 16;
constexpr std::uint32_t kStructClass = 2;
constexpr std::size_t kFileHeader = 128;

using Bytes = std::span<const std::byte>;

struct Element {
  std::uint32_t type = 0;
  Bytes data;
};

template <class T>
T number_at(Bytes bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

[[noreturn]] void fail(const char* what) { throw Error(str("not the devkit's meta.mat: ", what)); }

/// Takes the next element off the beginning of `bytes`.
Element next_element(Bytes& bytes) {
  if (bytes.size() < 8) fail("it ends within an element");
  const auto first = number_at<std::uint32_t>(bytes, 0);
  Element element;
  std::size_t taken = 8;
  if (first >> 16 != 0) {  // small: type and length in 4 bytes, then at most 4 of data
    element.type = first & 0xffff;
    if (first >> 16 > 4) fail("a small element is too large");
    element.data = bytes.subspan(4, first >> 16);
  } else {
    element.type = first;
    const std::size_t length = number_at<std::uint32_t>(bytes, 4);
    if (length > bytes.size() - 8) fail("an element is longer than the file");
    element.data = bytes.subspan(8, length);
    taken += element.type == kCompressed ? length : (length + 7) / 8 * 8;
  }
  bytes = bytes.subspan(std::min(taken, bytes.size()));
  return element;
}

std::vector<std::byte> inflate_all(Bytes compressed) {
  std::vector<std::byte> out;
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) fail("zlib cannot start");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  int result = Z_OK;
  while (result == Z_OK) {
    const std::size_t done = out.size();
    if (done >= kMostBytes) fail("a compressed element is too large");
    out.resize(std::max<std::size_t>(2 * done, 1 << 16));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + done);
    stream.avail_out = static_cast<uInt>(out.size() - done);
    result = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
  }
  if (result != Z_STREAM_END) fail("a compressed element is damaged");
  return out;
}

/// A matrix from its flags to the end of its name.
struct MatrixHead {
  std::uint32_t array_class = 0;
  std::size_t count = 1;
};

MatrixHead read_matrix_head(Bytes& matrix) {
  const Element flags = next_element(matrix), sizes = next_element(matrix);
  next_element(matrix);  // name
  if (flags.data.size() < 4) fail("a matrix has no class");
  MatrixHead head{number_at<std::uint32_t>(flags.data, 0) & 0xff, 1};
  for (std::size_t at = 0; at + 4 <= sizes.data.size(); at += 4) {
    const auto size = number_at<std::uint32_t>(sizes.data, at);
    if (size > kMostClasses || (head.count *= size) > kMostClasses) fail("a matrix is too large");
  }
  return head;
}

std::vector<double> numbers_of(const Element& element) {
  const auto all = [&]<class T>(T) {
    std::vector<double> numbers;
    for (std::size_t at = 0; at + sizeof(T) <= element.data.size(); at += sizeof(T))
      numbers.push_back(static_cast<double>(number_at<T>(element.data, at)));
    return numbers;
  };
  switch (element.type) {
    case kInt8:
      return all(std::int8_t{});
    case kUint8:
    case kUtf8:
      return all(std::uint8_t{});
    case kInt16:
      return all(std::int16_t{});
    case kUint16:
      return all(std::uint16_t{});
    case kInt32:
      return all(std::int32_t{});
    case kUint32:
      return all(std::uint32_t{});
    case kDouble:
      return all(double{});
    default:
      return {};
  }
}

/// What is in a field: a text is its characters' codes.
std::vector<double> values_of_field(const Element& field) {
  if (field.type != kMatrix) fail("a field is no matrix");
  Bytes matrix = field.data;
  if (matrix.empty()) return {};
  read_matrix_head(matrix);
  return matrix.empty() ? std::vector<double>{} : numbers_of(next_element(matrix));
}

/// @return nothing if the matrix is not the array of classes
std::optional<std::map<std::size_t, std::string>> classes_of(Bytes matrix) {
  const MatrixHead head = read_matrix_head(matrix);
  if (head.array_class != kStructClass) return std::nullopt;
  const auto name_length = numbers_of(next_element(matrix));
  const Bytes names = next_element(matrix).data;
  if (name_length.size() != 1 || name_length[0] < 1 || name_length[0] > 1024) fail("its fields have no names");
  const auto length = static_cast<std::size_t>(name_length[0]);
  const std::size_t fields = names.size() / length;
  const auto field_called = [&](const char* name) {
    for (std::size_t i = 0; i < fields; ++i) {
      const auto* text = reinterpret_cast<const char*>(names.data() + i * length);
      if (std::string(text, ::strnlen(text, length)) == name) return i;
    }
    return fields;
  };
  const std::size_t id_field = field_called("ILSVRC2012_ID"), wnid_field = field_called("WNID");
  if (id_field == fields || wnid_field == fields) return std::nullopt;
  std::map<std::size_t, std::string> classes;
  for (std::size_t i = 0; i < head.count; ++i) {
    std::vector<double> id, wnid;
    for (std::size_t field = 0; field < fields; ++field) {
      const Element element = next_element(matrix);
      if (field == id_field) id = values_of_field(element);
      if (field == wnid_field) wnid = values_of_field(element);
    }
    if (id.size() != 1 || !(id[0] >= 1 && id[0] <= static_cast<double>(kMostClasses)))
      fail("an ILSVRC2012_ID is no number from 1 on");
    std::string text;
    for (const double c : wnid) text += c > 32 && c < 127 && c != '/' ? static_cast<char>(c) : '?';
    classes[static_cast<std::size_t>(id[0])] = text;
  }
  return classes;
}

}  // namespace

std::vector<std::string> wnids_of_meta_mat(std::span<const std::byte> file) {
  if (file.size() < kFileHeader || std::memcmp(file.data() + 126, "IM", 2) != 0)
    fail("no little-endian MAT-file of MATLAB 5.0");
  Bytes rest = file.subspan(kFileHeader);
  while (!rest.empty()) {
    Element element = next_element(rest);
    std::vector<std::byte> inflated;
    if (element.type == kCompressed) {
      inflated = inflate_all(element.data);
      Bytes within = inflated;
      element = next_element(within);
    }
    if (element.type != kMatrix) continue;
    const auto classes = classes_of(element.data);
    if (!classes) continue;
    std::vector<std::string> wnids;
    for (const auto& [id, wnid] : *classes) {
      if (id != wnids.size() + 1) fail("its ILSVRC2012_IDs have a gap");
      wnids.push_back(wnid);
    }
    return wnids;
  }
  fail("no array with the fields ILSVRC2012_ID and WNID");
}

Devkit read_devkit(const std::string& path) {
  const ArchiveReader reader = new_archive_reader();
  archive* a = reader.get();
  archive_read_support_format_tar(a);
  archive_read_support_filter_gzip(a);
  const auto check = [&](int result) {
    if (result == ARCHIVE_OK || result == ARCHIVE_WARN) return;
    throw Error(str(path, ": cannot be read: ", reason_of(a, "damaged")));
  };
  check(archive_read_open_filename(a, path.c_str(), 1 << 16));
  std::optional<std::string> truth, meta;
  archive_entry* entry = nullptr;
  int result = ARCHIVE_OK;
  while (!(truth && meta) && (result = archive_read_next_header(a, &entry)) != ARCHIVE_EOF) {
    check(result);
    const char* found = archive_entry_pathname(entry);
    const std::string name = found ? found : "";
    auto* wanted = name.ends_with("data/ILSVRC2012_validation_ground_truth.txt") ? &truth
                   : name.ends_with("data/meta.mat")                             ? &meta
                                                                                 : nullptr;
    const la_int64_t bytes = archive_entry_size(entry);
    if (!wanted || archive_entry_filetype(entry) != AE_IFREG) continue;
    if (bytes < 0 || static_cast<std::uint64_t>(bytes) > kMostBytes)
      throw Error(str(path, ": ", name, ": claims ", bytes, " bytes, expected at most ", kMostBytes));
    std::string text(static_cast<std::size_t>(bytes), '\0');
    const la_ssize_t got = archive_read_data(a, text.data(), text.size());
    if (got != bytes) check(ARCHIVE_FATAL);
    *wanted = std::move(text);
  }
  if (!truth || !meta)
    throw Error(str(path, ": no ", truth ? "data/meta.mat" : "data/ILSVRC2012_validation_ground_truth.txt",
                    " in it: expected ILSVRC2012_devkit_t12.tar.gz"));
  Devkit devkit{.ground_truth = lines_of(*truth)};
  std::erase(devkit.ground_truth, "");
  try {
    devkit.class_ids = wnids_of_meta_mat(std::as_bytes(std::span(*meta)));
  } catch (const Error& e) {
    throw Error(str(path, ": data/meta.mat: ", e.what()));
  }
  return devkit;
}

}  // namespace mosaic
