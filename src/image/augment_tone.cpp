#include "image/augment_tone.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <numeric>

namespace mosaic {
namespace {

constexpr int kChannels = 3;

using Histogram = std::array<std::int64_t, 256>;
using Histograms = std::array<Histogram, kChannels>;
using Tables = std::array<ToneTable, kChannels>;

std::size_t pixels_of(ImageView image) { return static_cast<std::size_t>(image.width) * image.height; }

Histograms histograms_of(ImageView image) {
  Histograms counts{};
  const std::uint8_t* p = image.rgb;
  for (std::size_t i = 0; i < pixels_of(image); ++i)
    for (Histogram& channel : counts) ++channel[*p++];
  return counts;
}

void apply_tables(ImageView in, const Tables& tables, std::uint8_t* out) {
  const std::uint8_t* p = in.rgb;
  for (std::size_t i = 0; i < pixels_of(in); ++i)
    for (const ToneTable& table : tables) *out++ = table[*p++];
}

ToneTable identity() {
  ToneTable table;
  std::iota(table.begin(), table.end(), std::uint8_t{0});
  return table;
}

int lowest(const Histogram& counts) {
  int value = 0;
  while (value < 255 && counts[value] == 0) ++value;
  return value;
}

int highest(const Histogram& counts) {
  int value = 255;
  while (value > 0 && counts[value] == 0) --value;
  return value;
}

ToneTable stretching(const Histogram& counts) {
  const int low = lowest(counts), high = highest(counts);
  if (high <= low) return identity();
  const double scale = 255.0 / (high - low), offset = low * scale;
  ToneTable table;
  for (int v = 0; v < 256; ++v)
    table[v] = static_cast<std::uint8_t>(std::clamp(static_cast<int>(v * scale - offset), 0, 255));
  return table;
}

ToneTable flattening(const Histogram& counts) {
  const int high = highest(counts);
  if (lowest(counts) >= high) return identity();
  const std::int64_t below = std::accumulate(counts.begin(), counts.begin() + high, std::int64_t{0});
  const std::int64_t step = below / 255;
  if (step == 0) return identity();
  ToneTable table;
  std::int64_t n = step / 2;
  for (int v = 0; v < 256; ++v) {
    table[v] = static_cast<std::uint8_t>(std::min<std::int64_t>(255, n / step));
    n += counts[v];
  }
  return table;
}

void by_histogram(ImageView in, ToneTable (*table_of)(const Histogram&), std::uint8_t* out) {
  const Histograms counts = histograms_of(in);
  Tables tables;
  std::transform(counts.begin(), counts.end(), tables.begin(), table_of);
  apply_tables(in, tables, out);
}

}  // namespace

void apply_table(ImageView in, const ToneTable& table, std::uint8_t* out) {
  std::transform(in.rgb, in.rgb + pixels_of(in) * kChannels, out, [&](std::uint8_t v) { return table[v]; });
}

void autocontrast(ImageView in, std::uint8_t* out) { by_histogram(in, stretching, out); }

void equalize(ImageView in, std::uint8_t* out) { by_histogram(in, flattening, out); }

void posterize(ImageView in, int bits, std::uint8_t* out) {
  assert(0 <= bits && bits <= 8);
  const int mask = ~((1 << (8 - bits)) - 1);
  ToneTable table;
  for (int v = 0; v < 256; ++v) table[v] = static_cast<std::uint8_t>(v & mask);
  apply_table(in, table, out);
}

void solarize(ImageView in, int threshold, std::uint8_t* out) {
  assert(0 <= threshold && threshold <= 256);
  ToneTable table;
  for (int v = 0; v < 256; ++v) table[v] = static_cast<std::uint8_t>(v < threshold ? v : 255 - v);
  apply_table(in, table, out);
}

}  // namespace mosaic
