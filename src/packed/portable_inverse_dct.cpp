#include <algorithm>

#include "packed/block_order.h"
#include "packed/portable_kernels.h"

namespace mosaic::portable {
namespace {

// libjpeg's jidctint.c, after C. Loeffler, A. Ligtenberg and G. Moschytz, Practical Fast 1-D DCT Algorithms with 11
// Multiplications, ICASSP 1989; its constants, with 13 bits behind the point.
constexpr int kConstantBits = 13, kPass1Bits = 2;
constexpr int kFix0_298631336 = 2446, kFix0_390180644 = 3196, kFix0_541196100 = 4433, kFix0_765366865 = 6270,
              kFix0_899976223 = 7373, kFix1_175875602 = 9633, kFix1_501321110 = 12299, kFix1_847759065 = 15137,
              kFix1_961570560 = 16069, kFix2_053119869 = 16819, kFix2_562915447 = 20995, kFix3_072711026 = 25172;

/// Eight coefficients to eight samples, times 2^shift, plus `level`. Sums fit into 32 bits for all 16-bit inputs; what
/// stands between does not.
void pass(const std::int64_t in[8], int shift, int level, std::int64_t out[8]) {
  const std::int64_t z1 = (in[2] + in[6]) * kFix0_541196100;
  const std::int64_t even2 = z1 - in[6] * kFix1_847759065, even3 = z1 + in[2] * kFix0_765366865;
  const std::int64_t even0 = (in[0] + in[4]) * (1 << kConstantBits), even1 = (in[0] - in[4]) * (1 << kConstantBits);
  const std::int64_t even[4] = {even0 + even3, even1 + even2, even1 - even2, even0 - even3};

  const std::int64_t z5 = (in[7] + in[3] + in[5] + in[1]) * kFix1_175875602;
  const std::int64_t a = -(in[7] + in[1]) * kFix0_899976223, b = -(in[5] + in[3]) * kFix2_562915447;
  const std::int64_t c = z5 - (in[7] + in[3]) * kFix1_961570560, d = z5 - (in[5] + in[1]) * kFix0_390180644;
  const std::int64_t odd[4] = {in[1] * kFix1_501321110 + a + d, in[3] * kFix3_072711026 + b + c,
                               in[5] * kFix2_053119869 + b + d, in[7] * kFix0_298631336 + a + c};

  const std::int64_t round = (std::int64_t{1} << (shift - 1)) + (std::int64_t{level} << shift);
  for (int i = 0; i < 4; ++i) {
    out[i] = (even[i] + odd[i] + round) >> shift;
    out[7 - i] = (even[i] - odd[i] + round) >> shift;
  }
}

void block(const std::int16_t* coefficients, const std::uint16_t* quant, std::uint8_t* out, std::ptrdiff_t stride) {
  std::int64_t columns[8][8];  // after the first pass, [row][column]
  for (int x = 0; x < 8; ++x) {
    std::int64_t in[8], column[8];
    for (int y = 0; y < 8; ++y) {
      const int at = kBlockOrder.of_natural[8 * y + x];
      in[y] = static_cast<std::int16_t>(coefficients[at] * quant[at]);  // as libjpeg-turbo's vectors: the low 16 bits
    }
    pass(in, kConstantBits - kPass1Bits, 0, column);
    for (int y = 0; y < 8; ++y) columns[y][x] = std::clamp<std::int64_t>(column[y], -32768, 32767);
  }
  for (int y = 0; y < 8; ++y, out += stride) {
    std::int64_t row[8];
    pass(columns[y], kConstantBits + kPass1Bits + 3, 128, row);
    for (int x = 0; x < 8; ++x) out[x] = static_cast<std::uint8_t>(std::clamp<std::int64_t>(row[x], 0, 255));
  }
}

/// Eight coefficients to the means of samples 0 1, 2 3, 4 5, 6 7, times 2^shift, plus `level`: the mean of two cosines is a
/// cosine of the same frequency between them, and that of coefficient 4 is zero. Sums fit into 32 bits for all 16-bit inputs.
void half_pass(const std::int64_t in[8], int shift, int level, std::int64_t out[4]) {
  const std::int64_t even = in[0] * 8192, even_outer = even + in[2] * 7568 - in[6] * 3135,
                     even_inner = even - in[2] * 7568 + in[6] * 3135;
  const std::int64_t odd_outer = in[1] * 10498 - in[7] * 2088 + in[3] * 3686 - in[5] * 2463;
  const std::int64_t odd_inner = in[1] * 4348 - in[7] * 865 - in[3] * 8900 + in[5] * 5946;
  const std::int64_t round = (std::int64_t{1} << (shift - 1)) + (std::int64_t{level} << shift);
  out[0] = (even_outer + odd_outer + round) >> shift;
  out[1] = (even_inner + odd_inner + round) >> shift;
  out[2] = (even_inner - odd_inner + round) >> shift;
  out[3] = (even_outer - odd_outer + round) >> shift;
}

void half_block(const std::int16_t* coefficients, const std::uint16_t* quant, std::uint8_t* out,
                std::ptrdiff_t stride) {
  std::int64_t columns[4][8];
  for (int x = 0; x < 8; ++x) {
    std::int64_t in[8], column[4];
    for (int y = 0; y < 8; ++y) {
      const int at = kBlockOrder.of_natural[8 * y + x];
      in[y] = static_cast<std::int16_t>(coefficients[at] * quant[at]);
    }
    half_pass(in, kConstantBits - kPass1Bits, 0, column);
    for (int y = 0; y < 4; ++y) columns[y][x] = std::clamp<std::int64_t>(column[y], -32768, 32767);
  }
  for (int y = 0; y < 4; ++y, out += stride) {
    std::int64_t row[4];
    half_pass(columns[y], kConstantBits + kPass1Bits + 3, 128, row);
    for (int x = 0; x < 4; ++x) out[x] = static_cast<std::uint8_t>(std::clamp<std::int64_t>(row[x], 0, 255));
  }
}

}  // namespace

void inverse_dct(const std::int16_t* coefficients, int blocks, const std::uint16_t* quant, std::uint8_t* out,
                 std::ptrdiff_t stride) {
  for (int i = 0; i < blocks; ++i) block(coefficients + 64 * i, quant, out + 8 * i, stride);
}

void inverse_dct_half(const std::int16_t* coefficients, int blocks, const std::uint16_t* quant, std::uint8_t* out,
                      std::ptrdiff_t stride) {
  for (int i = 0; i < blocks; ++i) half_block(coefficients + 64 * i, quant, out + 4 * i, stride);
}

}  // namespace mosaic::portable
