#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mosaic {

/// CRC-32C (Castagnoli, reflected 0x82F63B78, as in iSCSI, RFC 3720 appendix B.4). Of "123456789": 0xE3069283.
/// Takes the processor's CRC instruction where there is one. `crc` continues an earlier result: crc32c(b, crc32c(a)) is
/// that of a followed by b.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t crc = 0);

/// The same by table: defines the result on every processor, and is the twin that tests compare with.
std::uint32_t crc32c_portable(std::span<const std::byte> bytes, std::uint32_t crc = 0);

}  // namespace mosaic
