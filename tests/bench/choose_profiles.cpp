/// Chooses the width profiles of packed/block_code.h anew, and says what they are worth: choose_profiles FOLDER...
/// Takes the JPEG files below each folder, every other one to choose from and the rest to judge by, so that a choice that only fits its
/// sample shows; a folder that is named several times counts as often. Prints how large records are with the profiles of the format and
/// with the new ones, then those: the better of what is found from the present ones and from none.
#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <map>
#include <set>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "image/jpeg_coefficients.h"
#include "packed/block_code.h"
#include "packed/encode_record.h"

namespace mosaic {
namespace {

/// Bits that the values of each group of 8 need; groups without values need none.
using Widths = std::array<std::uint8_t, 8>;

/// All that decides on which profile a block takes.
struct BlockKind {
  std::uint8_t values = 0;
  Widths need{};
  auto operator<=>(const BlockKind&) const = default;
};

/// How many blocks of each kind a sample of files has.
struct Sample {
  std::map<BlockKind, std::int64_t> blocks;
  std::uint64_t file_bytes = 0, record_bytes = 0;
  int files = 0;
};

int width_of(int value) {  // as in encode_record.cpp
  const int stored = value > 0 ? value - 1 : value;
  int width = 1;
  while (stored < -(1 << (width - 1)) || stored >= 1 << (width - 1)) ++width;
  return width;
}

BlockKind kind_of(const std::int16_t* block) {
  BlockKind kind;
  for (int z = 1; z < 64; ++z) {
    const int value = block[kNaturalOfZigzag[z]];
    if (value == 0) continue;
    const int width = value < -128 || value > 127 ? 1 : width_of(value);  // a patch leaves a 1 in its place
    std::uint8_t& need = kind.need[kind.values++ / 8];
    need = std::max(need, static_cast<std::uint8_t>(width));
  }
  return kind;
}

void add(const std::string& path, Sample& sample) {
  const auto file = read_file(path);
  JpegCoefficients image;
  std::vector<std::byte> record;
  if (!read_jpeg_coefficients(file, image).empty() || !encode_record(image, record).empty()) return;
  for (const auto& component : image.components)
    for (std::size_t i = 0; i < component.blocks.size(); i += 64) ++sample.blocks[kind_of(&component.blocks[i])];
  sample.file_bytes += file.size();
  sample.record_bytes += record.size();
  ++sample.files;
}

constexpr std::uint8_t kNever = 255;

/// Bytes of the values of such a block; kNever if they do not fit.
std::uint8_t bytes_of(const BlockKind& kind, const Widths& profile) {
  int bits = 0, left = kind.values;
  for (int g = 0; left > 0; ++g, left -= 8) {
    if (profile[g] < kind.need[g]) return kNever;
    bits += profile[g] * std::min(left, 8);
  }
  return static_cast<std::uint8_t>((bits + 7) / 8);
}

Widths widths_of(std::uint32_t nibbles) {
  Widths w;
  for (int g = 0; g < 8; ++g) w[g] = nibbles >> (4 * g) & 15;
  return w;
}

/// The kinds of blocks of a sample, the most frequent first.
class Kinds {
 public:
  explicit Kinds(const Sample& sample, std::size_t most = std::size_t(-1)) {
    for (const auto& [kind, blocks] : sample.blocks)
      if (kind.values > 0) all_.push_back({kind, blocks});
    std::stable_sort(all_.begin(), all_.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    all_.resize(std::min(all_.size(), most));
  }

  std::size_t size() const { return all_.size(); }
  const BlockKind& operator[](std::size_t i) const { return all_[i].first; }

  using Costs = std::vector<std::uint8_t>;  // bytes of each kind; kNever where a value does not fit
  Costs costs(const Widths& profile) const {
    Costs costs(size());
    for (std::size_t i = 0; i < size(); ++i) costs[i] = bytes_of(all_[i].first, profile);
    return costs;
  }
  /// Bytes of all blocks, each with the better of the two.
  std::int64_t total(const Costs& a, const Costs& b) const {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < size(); ++i) sum += all_[i].second * std::min(a[i], b[i]);
    return sum;
  }
  std::int64_t total(const std::vector<Widths>& profiles) const {
    const Costs costs = best(profiles, profiles.size());
    return total(costs, costs);
  }
  /// The least of all profiles but one.
  Costs best(const std::vector<Widths>& profiles, std::size_t but) const {
    Costs best(size(), kNever);
    for (std::size_t p = 0; p < profiles.size(); ++p)
      if (p != but) take_less(best, costs(profiles[p]));
    return best;
  }
  static void take_less(Costs& best, const Costs& costs) {
    for (std::size_t i = 0; i < best.size(); ++i) best[i] = std::min(best[i], costs[i]);
  }

 private:
  std::vector<std::pair<BlockKind, std::int64_t>> all_;
};

constexpr std::size_t kUniform = 8, kMostKinds = 40000, kFrequent = 1000, kCombined = 50;

/// What frequent kinds need, and what two of the most frequent need together.
std::set<Widths> candidates(const Kinds& kinds) {
  std::set<Widths> found;
  const auto add = [&](Widths need) {
    for (auto& width : need) width = std::max<std::uint8_t>(width, 1);
    found.insert(need);
  };
  for (std::size_t i = 0; i < std::min(kinds.size(), kFrequent); ++i) add(kinds[i].need);
  for (std::size_t i = 0; i < std::min(kinds.size(), kCombined); ++i)
    for (std::size_t k = 0; k < i; ++k) {
      Widths both;
      for (int g = 0; g < 8; ++g) both[g] = std::max(kinds[i].need[g], kinds[k].need[g]);
      add(both);
    }
  return found;
}

/// One after the other the candidate that saves most.
std::vector<Widths> choose_greedily(const Kinds& kinds) {
  std::vector<Widths> chosen;
  for (std::uint8_t width = 1; width <= kUniform; ++width)
    chosen.push_back({width, width, width, width, width, width, width, width});
  Kinds::Costs best = kinds.best(chosen, chosen.size());
  std::vector<std::pair<Widths, Kinds::Costs>> rest;
  for (const Widths& widths : candidates(kinds)) rest.emplace_back(widths, kinds.costs(widths));
  while (chosen.size() < kProfileCount) {
    std::size_t winner = 0;
    std::int64_t least = kinds.total(best, best);
    for (std::size_t i = 0; i < rest.size(); ++i)
      if (const std::int64_t total = kinds.total(best, rest[i].second); total < least) least = total, winner = i;
    chosen.push_back(rest[winner].first);
    Kinds::take_less(best, rest[winner].second);
  }
  return chosen;
}

/// Each profile in turn replaced by the candidate that saves most, or by itself with a width one up or one down, until nothing helps.
void improve(const Kinds& kinds, std::vector<Widths>& profiles) {
  std::vector<std::pair<Widths, Kinds::Costs>> replacements;
  for (const Widths& widths : candidates(kinds)) replacements.emplace_back(widths, kinds.costs(widths));
  for (bool better = true; better;) {
    better = false;
    for (std::size_t p = kUniform; p < profiles.size(); ++p) {
      const Kinds::Costs others = kinds.best(profiles, p);
      std::int64_t least = kinds.total(others, kinds.costs(profiles[p]));
      for (const auto& [widths, costs] : replacements)
        if (const std::int64_t total = kinds.total(others, costs); total < least)
          least = total, profiles[p] = widths, better = true;
      const Widths start = profiles[p];
      for (int g = 0; g < 8; ++g)
        for (const int change : {-1, 1}) {
          Widths moved = start;
          moved[g] = static_cast<std::uint8_t>(moved[g] + change);
          if (moved[g] < 1 || moved[g] > 8) continue;
          if (const std::int64_t total = kinds.total(others, kinds.costs(moved)); total < least)
            least = total, profiles[p] = moved, better = true;
        }
    }
    std::fprintf(stderr, "%lld bytes\n", static_cast<long long>(kinds.total(profiles)));
  }
}

void print_bytes(const char* name, const Sample& sample, const std::vector<Widths>& ours,
                 const std::vector<Widths>& chosen) {
  const Kinds kinds(sample);
  const auto now = static_cast<double>(kinds.total(ours)), then = static_cast<double>(kinds.total(chosen));
  const auto files = static_cast<double>(sample.file_bytes), records = static_cast<double>(sample.record_bytes);
  std::printf(
      "%s: %d files of %.0f bytes; records %.4f times that, values of them %.4f; with the new profiles records %.4f "
      "(%+.2f %%)\n",
      name, sample.files, files / sample.files, records / files, now / files, (records - now + then) / files,
      100 * (then - now) / records);
}

void run(const std::vector<std::string>& folders) {
  Sample to_choose_from;
  std::vector<Sample> to_judge_by;
  for (const auto& folder : folders) {
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      if (entry.is_regular_file()) paths.push_back(entry.path().string());
    std::sort(paths.begin(), paths.end());
    Sample& rest = to_judge_by.emplace_back();
    for (std::size_t i = 0; i < paths.size(); ++i) add(paths[i], i % 2 == 0 ? to_choose_from : rest);
  }

  std::vector<Widths> ours;
  for (const std::uint32_t nibbles : kProfileWidths) ours.push_back(widths_of(nibbles));
  const Kinds kinds(to_choose_from, kMostKinds);
  std::vector<Widths> chosen = ours, other = choose_greedily(kinds);
  improve(kinds, chosen);
  improve(kinds, other);
  if (kinds.total(other) < kinds.total(chosen)) chosen = other;
  print_bytes("chosen from", to_choose_from, ours, chosen);
  for (std::size_t i = 0; i < folders.size(); ++i) print_bytes(folders[i].c_str(), to_judge_by[i], ours, chosen);
  for (const Widths& widths : chosen) {
    std::printf("0x");
    for (int g = 7; g >= 0; --g) std::printf("%d", widths[g]);
    std::printf(",\n");
  }
}

}  // namespace
}  // namespace mosaic

int main(int argc, char** argv) {
  try {
    mosaic::run({argv + 1, argv + argc});
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "choose_profiles: %s\n", e.what());
    return 1;
  }
}
