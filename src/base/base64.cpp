#include "base/base64.h"

#include <openssl/evp.h>

#include <algorithm>

namespace mosaic {

std::string base64(std::span<const std::byte> bytes) {
  constexpr std::size_t kPart = std::size_t{3} << 20;  // OpenSSL counts in int; parts of three bytes need no padding
  std::string text;
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(kPart, bytes.size()))) {
    const auto part = bytes.first(std::min(kPart, bytes.size()));
    const std::size_t before = text.size();
    text.resize(before + (part.size() + 2) / 3 * 4 + 1);  // and the zero that OpenSSL writes
    const int written =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data() + before),
                        reinterpret_cast<const unsigned char*>(part.data()), static_cast<int>(part.size()));
    text.resize(before + static_cast<std::size_t>(written));
  }
  return text;
}

}  // namespace mosaic
