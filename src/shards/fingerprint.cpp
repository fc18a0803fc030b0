#include "shards/fingerprint.h"

#include <charconv>

#include "base/error.h"

namespace mosaic {
namespace {

constexpr std::size_t kPiece = 1 << 16;

void append_number(std::string& text, std::uint64_t number) {
  char digits[24];
  text.append(digits, std::to_chars(digits, digits + sizeof(digits), number).ptr);
}

void append_hex32(std::string& text, std::uint32_t number) {
  for (int shift = 28; shift >= 0; shift -= 4) text += "0123456789abcdef"[(number >> shift) & 15];
}

}  // namespace

Fingerprint::Fingerprint(const std::vector<std::string>& class_names, std::uint32_t max_side) {
  pending_ = str("mosaic_resnet data set 1\nclasses ", class_names.size(), "\n");
  for (const std::string& name : class_names) pending_ += str(name.size(), " ", name, "\n");
  if (max_side > 0) pending_ += str("max_side ", max_side, "\n");
}

void Fingerprint::add(std::int32_t label, StoredKind kind, std::uint32_t width, std::uint32_t height,
                      std::uint64_t bytes, std::uint32_t crc32c) {
  append_number(pending_, static_cast<std::uint64_t>(label));
  for (const std::uint64_t number :
       {static_cast<std::uint64_t>(kind), std::uint64_t{width}, std::uint64_t{height}, bytes}) {
    pending_ += ' ';
    append_number(pending_, number);
  }
  pending_ += ' ';
  append_hex32(pending_, crc32c);
  pending_ += '\n';
  if (pending_.size() >= kPiece) {
    sha_.add(pending_);
    pending_.clear();
  }
}

std::string Fingerprint::hex() {
  sha_.add(pending_);
  return sha_.hex();
}

}  // namespace mosaic
