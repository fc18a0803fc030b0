#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/random.h"
#include "catch.h"
#include "packed/aligned_buffer.h"
#include "packed/block_code.h"
#include "packed/coefficient_images.h"
#include "packed/encode_record.h"
#include "packed/kernel_choice.h"
#include "packed/packed_record.h"
#include "packed/portable_kernels.h"
#include "packed/resize_plan.h"

// Every kernel against the plain loop that defines it.

namespace mosaic {
namespace {

int draw(KeyedRandom& random, int bound) { return static_cast<int>(random.uniform_int(bound)); }

/// The sets of vectors that this processor has, with the plain loops to compare them with.
struct Pair {
  const Kernels& vectors;
  const Kernels& plain = portable_kernels();
};
std::vector<Pair> pairs() {
  std::vector<Pair> all;
  for (const Kernels* kernels : usable_kernels())
    if (kernels != &portable_kernels()) all.push_back({*kernels});
  return all;
}

/// Noise, or bytes at both ends of the range, which find saturation and overflow.
std::vector<std::uint8_t> samples(std::size_t n, KeyedRandom& random) {
  const bool extreme = draw(random, 2) == 0;
  std::vector<std::uint8_t> bytes(n);
  for (auto& b : bytes)
    b = static_cast<std::uint8_t>(extreme ? std::array{0, 255, 0, 255, 1, 254}[draw(random, 6)] : draw(random, 256));
  return bytes;
}

TEST_CASE("vectors transform blocks as the plain loops do, whatever the coefficients", "[packed]") {
  for (const auto& [vectors, plain] : pairs()) {
    CAPTURE(vectors.name);
    KeyedRandom random{41};
    AlignedBuffer in, quant_buffer;
    auto* coefficients = reinterpret_cast<std::int16_t*>(in.get((20 + kSpareBlocks) * 128));
    auto* quant = reinterpret_cast<std::uint16_t*>(quant_buffer.get(128));
    for (int round = 0; round < 3000; ++round) {
      const int blocks = 1 + draw(random, 20), style = round % 4;
      for (int i = 0; i < 64; ++i) quant[i] = static_cast<std::uint16_t>(style == 3 ? random() : 1 + draw(random, 60));
      for (int i = 0; i < 64 * blocks; ++i) {
        const int value = style == 0   ? draw(random, 201) - 100
                          : style == 1 ? (draw(random, 8) == 0 ? draw(random, 4001) - 2000 : 0)
                                       : std::array{-32768, 32767, 0, -1, 1, 1023}[draw(random, 6)];
        coefficients[i] = static_cast<std::int16_t>(value);
      }
      const std::ptrdiff_t stride = 8 * blocks + kRowSlack;
      std::vector<std::uint8_t> got(8 * stride), expected(8 * stride);
      plain.inverse_dct(coefficients, blocks, quant, expected.data(), stride);
      vectors.inverse_dct(coefficients, blocks, quant, got.data(), stride);
      for (int y = 0; y < 8; ++y) REQUIRE(std::memcmp(&got[y * stride], &expected[y * stride], 8 * blocks) == 0);
      plain.inverse_dct_half(coefficients, blocks, quant, expected.data(), stride);
      vectors.inverse_dct_half(coefficients, blocks, quant, got.data(), stride);
      for (int y = 0; y < 4; ++y) REQUIRE(std::memcmp(&got[y * stride], &expected[y * stride], 4 * blocks) == 0);
    }
  }
}

TEST_CASE("the inverse transform at half the size gives the means of four pixels, to one level", "[packed]") {
  const Kernels& plain = portable_kernels();
  KeyedRandom random{77};
  alignas(64) std::int16_t coefficients[64];
  alignas(64) std::uint16_t quant[64];
  std::fill(std::begin(quant), std::end(quant), std::uint16_t{1});
  for (int block = 0; block < 10000; ++block) {
    // Small enough that no pixel is clipped.
    for (int i = 0; i < 64; ++i) coefficients[i] = static_cast<std::int16_t>(draw(random, 25) - 12);
    coefficients[0] = static_cast<std::int16_t>(draw(random, 301) - 150);
    std::uint8_t whole[8 * (8 + kRowSlack)], half[4 * (4 + kRowSlack)];
    plain.inverse_dct(coefficients, 1, quant, whole, 8);
    plain.inverse_dct_half(coefficients, 1, quant, half, 4);
    if (std::any_of(whole, whole + 64, [](int x) { return x == 0 || x == 255; })) continue;
    for (int y = 0; y < 4; ++y)
      for (int x = 0; x < 4; ++x) {
        const std::uint8_t* first = whole + 16 * y + 2 * x;
        const double mean = (first[0] + first[1] + first[8] + first[9]) / 4.0;
        REQUIRE(std::abs(half[4 * y + x] - mean) <= 1);
      }
  }
}

TEST_CASE("vectors convert each of the 2^24 colours as the plain loop does", "[packed]") {
  for (const auto& [vectors, plain] : pairs()) {
    CAPTURE(vectors.name);
    constexpr int kRow = 256;
    std::vector<std::uint8_t> y(kRow + kRowSlack), cb(y), cr(y);
    for (int i = 0; i < kRow; ++i) y[i] = static_cast<std::uint8_t>(i);
    std::array<std::vector<std::uint8_t>, 3> got, expected;
    for (auto* rgb : {&got, &expected})
      for (auto& channel : *rgb) channel.resize(y.size());
    bool same = true;
    for (int blue = 0; blue < 256; ++blue)
      for (int red = 0; red < 256; ++red) {
        std::fill(cb.begin(), cb.end(), static_cast<std::uint8_t>(blue));
        std::fill(cr.begin(), cr.end(), static_cast<std::uint8_t>(red));
        plain.to_rgb(y.data(), cb.data(), cr.data(), kRow, expected[0].data(), expected[1].data(), expected[2].data());
        vectors.to_rgb(y.data(), cb.data(), cr.data(), kRow, got[0].data(), got[1].data(), got[2].data());
        for (int c = 0; c < 3; ++c) same = same && std::memcmp(got[c].data(), expected[c].data(), kRow) == 0;
      }
    CHECK(same);
  }
}

TEST_CASE("vectors upsample as the plain loops do", "[packed]") {
  for (const auto& [vectors, plain] : pairs()) {
    CAPTURE(vectors.name);
    KeyedRandom random{42};
    for (int n = 1; n < 200; ++n) {
      const auto near = samples(n + 1 + kRowSlack, random), far = samples(n + 1 + kRowSlack, random);
      const auto check = [&](int outputs, const auto& run) {
        std::vector<std::uint8_t> got(outputs + kRowSlack), expected(got);
        run(plain, expected.data());
        run(vectors, got.data());
        REQUIRE(std::memcmp(got.data(), expected.data(), outputs) == 0);
      };
      check(2 * n, [&](const Kernels& k, std::uint8_t* out) { k.upsample_across(&near[1], n, out); });
      check(2 * n, [&](const Kernels& k, std::uint8_t* out) { k.upsample_both(&near[1], &far[1], n, out); });
      for (const int bias : {1, 2})
        check(n, [&](const Kernels& k, std::uint8_t* out) { k.upsample_down(&near[1], &far[1], bias, n, out); });
    }
  }
}

TEST_CASE("vectors interleave as the plain loop does, and write nothing else", "[packed]") {
  for (const auto& [vectors, plain] : pairs()) {
    KeyedRandom random{43};
    for (int n = 1; n < 300; ++n)
      for (const bool flip : {false, true}) {
        CAPTURE(vectors.name, n, flip);
        std::array<std::vector<std::uint8_t>, 3> in;
        for (auto& channel : in) channel = samples(n + 128, random);
        const std::size_t bytes = static_cast<std::size_t>(n) * 3;
        std::vector<std::uint8_t> got(bytes + 300, 77), expected(got);
        plain.interleave(&in[0][64], &in[1][64], &in[2][64], n, flip, expected.data() + 100);
        vectors.interleave(&in[0][64], &in[1][64], &in[2][64], n, flip, got.data() + 100);
        REQUIRE(got == expected);
      }
  }
}

TEST_CASE("vectors take pixels apart as the plain loop does, and read nothing else", "[packed]") {
  std::vector<const Kernels*> all = usable_kernels();
  for (const Kernels* kernels : all) {
    KeyedRandom random{46};
    for (int n = 1; n < 300; ++n) {
      CAPTURE(kernels->name, n);
      const auto in =
          samples(static_cast<std::size_t>(n) * 3, random);  // to its end: the address sanitizer sees reads beyond
      std::array<std::vector<std::uint8_t>, 3> out;
      for (auto& channel : out) channel.assign(static_cast<std::size_t>(n) + 63 + 10, 77);
      kernels->deinterleave(in.data(), n, out[0].data(), out[1].data(), out[2].data());
      for (int c = 0; c < 3; ++c) {
        for (int i = 0; i < n; ++i) REQUIRE(out[c][i] == in[3 * i + c]);
        for (int i = n + 63; i < n + 73; ++i) REQUIRE(out[c][i] == 77);
      }
    }
  }
}

/// Sizes as training has them, and those at the limits of each way to load: enlarged, reduced a little, a lot, to one pixel.
std::vector<std::pair<int, int>> sizes(KeyedRandom& random) {
  std::vector<std::pair<int, int>> all = {{1, 1},      {1, 300},    {2, 224},  {3, 5},     {17, 16},
                                          {64, 64},    {500, 224},  {700, 3},  {2000, 17}, {5000, 1},
                                          {4000, 224}, {1500, 224}, {9000, 40}};
  for (int i = 0; i < 150; ++i) all.push_back({1 + draw(random, 700), 1 + draw(random, 300)});
  return all;
}

TEST_CASE("vectors scale across as the plain loop does, from any part of an axis", "[packed]") {
  for (const auto& [vectors, plain] : pairs()) {
    KeyedRandom random{44};
    for (const auto& [in, out] : sizes(random)) {
      const int begin = draw(random, 3) == 0 ? draw(random, out) : 0;
      const ResizeAxis axis{in, out, begin, draw(random, 3) == 0 ? begin + 1 + draw(random, out - begin) : out};
      CAPTURE(vectors.name, in, out, axis.begin, axis.end);
      const AcrossTables tables(axis, vectors.plan_tables), plain_tables(axis, plain.plan_tables);
      REQUIRE(tables.source().begin == plain_tables.source().begin);
      const auto row_bytes = static_cast<std::size_t>(std::max(tables.plan().reach, plain_tables.plan().reach));
      std::array<std::vector<std::uint8_t>, 4> rows;
      for (auto& row : rows) row = samples(row_bytes, random);
      const std::uint8_t* pointers[4] = {rows[0].data(), rows[1].data(), rows[2].data(), rows[3].data()};
      const std::size_t bytes = aligned(static_cast<std::size_t>(axis.end - axis.begin)) * 4;
      AlignedBuffer got, expected;
      plain.across(pointers, plain_tables.plan(), expected.get(bytes));
      vectors.across(pointers, tables.plan(), got.get(bytes));
      REQUIRE(std::memcmp(got.get(bytes), expected.get(bytes), static_cast<std::size_t>(axis.end - axis.begin) * 4) ==
              0);
    }
  }
}

TEST_CASE("vectors scale down as the plain loop does", "[packed]") {
  for (const auto& [vectors, plain] : pairs()) {
    KeyedRandom random{45};
    for (const auto& [in, out] : sizes(random)) {
      const ResizeAxis axis{in, out, 0, out};
      const int width = 1 + draw(random, 260);
      CAPTURE(vectors.name, in, out, width);
      const DownTables tables(axis, vectors.plan_tables), plain_tables(axis, plain.plan_tables);
      const std::size_t stride = aligned(static_cast<std::size_t>(width)) * 4, ring = 4096;
      REQUIRE(static_cast<std::size_t>(in) / 4 + 1 < ring);
      AlignedBuffer memory;
      std::uint8_t* base = memory.get(stride * ring);
      const auto noise = samples(stride * (static_cast<std::size_t>(in) / 4 + 1), random);
      std::memcpy(base, noise.data(), noise.size());
      const RowGroups groups{base, stride, static_cast<int>(ring) - 1};
      std::vector<std::uint8_t> got(width + 64), expected(got);
      for (int y = 0; y < out; ++y) {
        plain.down(groups, plain_tables.plan(), y, width, expected.data());
        vectors.down(groups, tables.plan(), y, width, got.data());
        REQUIRE(std::memcmp(got.data(), expected.data(), width) == 0);
      }
    }
  }
}

TEST_CASE("vectors unpack blocks as the plain loop does, from any block on, one to three rows at once", "[packed]") {
  for (const auto& [vectors, plain] : pairs()) {
    KeyedRandom random{46};
    for (int round = 0; round < 60; ++round) {
      const int width = 8 * (1 + draw(random, 60));
      std::vector<std::byte> record;
      REQUIRE(encode_record(test::coefficient_image(width, 24, test::samplings()[2], round), record) == "");
      const PackedRecord opened(record);
      const int blocks = width / 8;
      for (int streams = 1; streams <= kMostStreams; ++streams) {
        const int first = draw(random, blocks), count = 1 + draw(random, blocks - first);
        const int group = first / kGroupBlocks;
        CAPTURE(vectors.name, blocks, streams, first, count);
        const auto run = [&](const Kernels& kernels, AlignedBuffer& out) {
          const std::size_t words = static_cast<std::size_t>(count) * 64;
          auto* to = reinterpret_cast<std::int16_t*>(out.get(words * streams * 2));
          BlockRows rows{.at = {},
                         .end = reinterpret_cast<const std::uint8_t*>(opened.end()),
                         .out = to,
                         .out_stride = static_cast<std::ptrdiff_t>(words)};
          for (int s = 0; s < streams; ++s)
            rows.at[s] = reinterpret_cast<const std::uint8_t*>(opened.group(s, 2, group));
          REQUIRE(kernels.unpack(rows, streams, first - group * kGroupBlocks, count));
          return std::pair{std::vector(rows.at, rows.at + streams),
                           std::vector<std::int16_t>(to, to + words * streams)};
        };
        AlignedBuffer got, expected;
        REQUIRE(run(vectors, got) == run(plain, expected));
      }
    }
  }
}

TEST_CASE("the portable kernels are always there, and last", "[packed]") {
  REQUIRE(!usable_kernels().empty());
  CHECK(usable_kernels().back() == &portable_kernels());
  CHECK(std::string(portable_kernels().name) == "portable");
}

}  // namespace
}  // namespace mosaic
