#include "weights/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/crc32c.h"
#include "base/error.h"
#include "base/file.h"

namespace mosaic {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors files are little endian");

constexpr std::uint64_t kLargestHeader = 100'000'000;  // the limit of the reference implementation

/// Product of `shape`, or -1 if it is negative somewhere or overflows.
std::int64_t checked_product(const std::vector<std::int64_t>& shape) {
  std::int64_t product = 1;
  for (const std::int64_t n : shape)
    if (n < 0 || __builtin_mul_overflow(product, n, &product)) return -1;
  return product;
}

}  // namespace

std::int64_t TensorBytes::elements() const { return checked_product(shape); }

std::int64_t dtype_bytes(const std::string& dtype) {
  static const std::map<std::string, std::int64_t> kBytes = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2},
                                                             {"I64", 8}, {"I32", 4}, {"I16", 2}, {"I8", 1},
                                                             {"U8", 1},  {"BOOL", 1}};
  const auto found = kBytes.find(dtype);
  if (found == kBytes.end()) throw Error(str("unknown element type '", dtype, "'"));
  return found->second;
}

SafetensorsFile::SafetensorsFile(const std::string& path) : SafetensorsFile(path, read_file(path)) {}

SafetensorsFile::SafetensorsFile(const std::string& path, std::vector<std::byte> contents)
    : path_(path), contents_(std::move(contents)) {
  const auto fail = [&](const std::string& what) { throw Error(str(path, ": not a valid safetensors file: ", what)); };
  std::uint64_t header_size = 0;
  if (contents_.size() < 8) fail(str("it has ", contents_.size(), " bytes, expected at least 8"));
  std::memcpy(&header_size, contents_.data(), 8);
  if (header_size > kLargestHeader || header_size > contents_.size() - 8)
    fail(str("its header claims ", header_size, " bytes, the file has ", contents_.size()));
  const char* text = reinterpret_cast<const char*>(contents_.data()) + 8;
  const auto header = nlohmann::json::parse(text, text + header_size, nullptr, false);
  if (!header.is_object()) fail("its header is not a JSON object");
  const auto data = std::span<const std::byte>(contents_).subspan(8 + header_size);

  for (const auto& item : header.items()) {
    const std::string& name = item.key();
    const auto& entry = item.value();
    if (name == "__metadata__") {
      if (!entry.is_object()) fail("__metadata__ is not an object");
      for (const auto& [key, value] : entry.items())
        metadata_[key] = value.is_string() ? value.get<std::string>() : value.dump();
      continue;
    }
    const auto integers = [&](const char* key) {
      if (!entry.is_object() || !entry.contains(key) || !entry[key].is_array())
        fail(str("tensor ", name, " has no list ", key));
      std::vector<std::int64_t> values;
      for (const auto& v : entry[key]) {
        if (!v.is_number_integer() ||
            (v.is_number_unsigned() && v.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()))
          fail(str("tensor ", name, ": ", key, " holds ", v.dump().substr(0, 40), ", expected a whole number"));
        values.push_back(v.get<std::int64_t>());
      }
      return values;
    };
    TensorBytes tensor;
    tensor.shape = integers("shape");
    if (!entry.contains("dtype") || !entry["dtype"].is_string()) fail(str("tensor ", name, " has no dtype"));
    tensor.dtype = entry["dtype"].get<std::string>();
    const auto range = integers("data_offsets");
    const std::int64_t count = tensor.elements();
    if (range.size() != 2 || range[0] < 0 || range[1] < range[0] || static_cast<std::uint64_t>(range[1]) > data.size())
      fail(str("tensor ", name, " lies outside the file"));
    std::int64_t bytes = 0;
    try {
      if (count < 0 || __builtin_mul_overflow(count, dtype_bytes(tensor.dtype), &bytes)) bytes = -1;
    } catch (const Error& e) {
      fail(str("tensor ", name, ": ", e.what()));
    }
    if (bytes != range[1] - range[0])
      fail(str("tensor ", name, " has ", range[1] - range[0], " bytes, its shape and type need ", bytes));
    tensor.bytes = data.subspan(static_cast<std::size_t>(range[0]), static_cast<std::size_t>(bytes));
    tensors_.emplace(name, std::move(tensor));
  }
}

const TensorBytes& SafetensorsFile::get(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw Error(str(path_, ": has no tensor ", name));
  return found->second;
}

std::uint32_t write_safetensors(const std::string& path, const std::map<std::string, TensorBytes>& tensors,
                                const std::map<std::string, std::string>& metadata) {
  std::map<std::string, TensorToWrite> to_write;
  for (const auto& [name, tensor] : tensors)
    to_write[name] = {tensor.dtype, tensor.shape, [bytes = tensor.bytes] { return bytes; }};
  return write_safetensors(path, to_write, metadata);
}

std::uint32_t write_safetensors(const std::string& path, const std::map<std::string, TensorToWrite>& tensors,
                                const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  // Widest elements first: then every tensor begins at a multiple of its element size, and the data has no gaps, as the
  // format demands.
  std::vector<const std::pair<const std::string, TensorToWrite>*> order;
  for (const auto& entry : tensors) order.push_back(&entry);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return dtype_bytes(a->second.dtype) > dtype_bytes(b->second.dtype);
  });
  const auto bytes_of = [](const TensorToWrite& tensor) {
    return static_cast<std::uint64_t>(checked_product(tensor.shape) * dtype_bytes(tensor.dtype));
  };
  std::uint64_t offset = 0;
  for (const auto* entry : order) {
    const auto& [name, tensor] = *entry;
    const std::uint64_t end = offset + bytes_of(tensor);
    header[name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  while (text.size() % 8 != 0) text += ' ';
  const std::uint64_t size = text.size();

  const FileDescriptor file = open_to_write(path);
  std::uint32_t crc = 0;
  const auto write = [&](std::span<const std::byte> bytes) {
    crc = crc32c(bytes, crc);
    write_all(file, bytes, path);
  };
  write(std::as_bytes(std::span(&size, 1)));
  write(std::as_bytes(std::span(text)));
  for (const auto* entry : order) {
    const auto bytes = entry->second.bytes();
    if (bytes.size() != bytes_of(entry->second))
      throw Error(str(path, ": tensor ", entry->first, ": got ", bytes.size(), " bytes, its shape and type need ",
                      bytes_of(entry->second)));
    write(bytes);
  }
  sync(file, path);
  return crc;
}

}  // namespace mosaic
