#include "base/crc32c.h"

#if defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#endif

#include <array>
#include <cstring>

namespace mosaic {
namespace {

constexpr auto kTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = (c >> 1) ^ ((c & 1) ? 0x82F63B78u : 0);
    table[i] = c;
  }
  return table;
}();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t crc32c_sse42(std::span<const std::byte> bytes, std::uint32_t crc) {
  std::uint64_t c = ~crc;
  while (bytes.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    c = __builtin_ia32_crc32di(c, word);
    bytes = bytes.subspan(8);
  }
  auto low = static_cast<std::uint32_t>(c);
  for (const std::byte b : bytes) low = __builtin_ia32_crc32qi(low, static_cast<unsigned char>(b));
  return ~low;
}
#elif defined(__aarch64__)
__attribute__((target("+crc"))) std::uint32_t crc32c_armv8(std::span<const std::byte> bytes, std::uint32_t crc) {
  std::uint32_t c = ~crc;
  while (bytes.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    c = __crc32cd(c, word);
    bytes = bytes.subspan(8);
  }
  for (const std::byte b : bytes) c = __crc32cb(c, static_cast<unsigned char>(b));
  return ~c;
}
#endif

}  // namespace

std::uint32_t crc32c_portable(std::span<const std::byte> bytes, std::uint32_t crc) {
  crc = ~crc;
  for (const std::byte b : bytes) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<std::uint32_t>(b)) & 0xFF];
  return ~crc;
}

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t crc) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  if (has_instruction) return crc32c_sse42(bytes, crc);
#elif defined(__aarch64__)
  static const bool has_instruction = (::getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
  if (has_instruction) return crc32c_armv8(bytes, crc);
#endif
  return crc32c_portable(bytes, crc);
}

}  // namespace mosaic
