#include "train/class_results.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/error.h"
#include "comm/mpi_session.h"
#include "report/contact_sheet.h"

namespace mosaic {
namespace {

using Confusion = ClassResults::Confusion;

constexpr std::size_t kMostImages = 12;

/// What a rank found, one entry for each pair of classes; label and taken_for are alike where the net was right.
class Pairs {
 public:
  void add(const Confusion& found) {
    Confusion& pair =
        pairs_.try_emplace({found.label, found.taken_for}, Confusion{found.label, found.taken_for, 0, found.sample})
            .first->second;
    pair.images += found.images;
    pair.sample = std::min(pair.sample, found.sample);
  }

  /// As bytes, for ranks of the same kind of machine; and those of another rank added.
  std::string bytes() const {
    std::string all;
    for (const auto& [_, pair] : pairs_) all.append(reinterpret_cast<const char*>(&pair), sizeof pair);
    return all;
  }
  void add_bytes(const std::string& bytes) {
    for (std::size_t at = 0; at + sizeof(Confusion) <= bytes.size(); at += sizeof(Confusion)) {
      Confusion pair;
      std::memcpy(&pair, bytes.data() + at, sizeof pair);
      add(pair);
    }
  }

  ClassResults results(std::int64_t classes) const {
    ClassResults found{std::vector<std::int64_t>(static_cast<std::size_t>(classes)),
                       std::vector<std::int64_t>(static_cast<std::size_t>(classes)),
                       {}};
    for (const auto& [_, pair] : pairs_) {
      found.images[static_cast<std::size_t>(pair.label)] += pair.images;
      if (pair.label == pair.taken_for)
        found.correct[static_cast<std::size_t>(pair.label)] += pair.images;
      else
        found.confusions.push_back(pair);
    }
    std::sort(found.confusions.begin(), found.confusions.end(), [](const Confusion& a, const Confusion& b) {
      return std::tie(b.images, a.label, a.taken_for) < std::tie(a.images, b.label, b.taken_for);
    });
    if (found.confusions.size() > kMostConfusions) found.confusions.resize(kMostConfusions);
    return found;
  }

 private:
  std::map<std::pair<std::int64_t, std::int64_t>, Confusion> pairs_;
};

std::string name_of(const std::vector<std::string>& names, std::int64_t label) {
  return label < static_cast<std::int64_t>(names.size()) ? names[static_cast<std::size_t>(label)]
                                                         : str("class ", label);
}

}  // namespace

ClassResults class_results(const EvalResult& mine, const std::vector<std::int64_t>& samples, std::int64_t classes) {
  assert(mine.labels.size() == samples.size() && mine.predicted.size() == samples.size());
  Pairs here, all;
  for (std::size_t i = 0; i < samples.size(); ++i) here.add({mine.labels[i], mine.predicted[i], 1, samples[i]});
  for (const std::string& bytes : gather_texts(here.bytes())) all.add_bytes(bytes);
  return all.results(classes);
}

std::string classes_json(const ClassResults& results, const std::vector<std::string>& names, const Progress& now) {
  nlohmann::ordered_json json = {{"epoch", now.epoch}, {"batch", now.batch}};
  auto& classes = json["classes"] = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < names.size(); ++i)
    classes.push_back({{"name", names[i]}, {"images", results.images[i]}, {"correct", results.correct[i]}});
  auto& confusions = json["confusions"] = nlohmann::ordered_json::array();
  for (const Confusion& c : results.confusions)
    confusions.push_back(
        {{"class", name_of(names, c.label)}, {"taken_for", name_of(names, c.taken_for)}, {"images", c.images}});
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string confused_images(const ClassResults& results, Data& data, std::int64_t batch_size) {
  const auto& names = data.eval_shards->class_names();
  BatchPlan plan{.batch_size = batch_size};
  for (const Confusion& c : results.confusions)
    if (plan.samples.size() < kMostImages) plan.samples.push_back(c.sample);
  data.eval_loader.start(plan);

  std::vector<Tile> tiles;
  int side = 0;
  while (const HostBatch batch = data.eval_loader.next()) {
    side = batch->side;
    const std::size_t bytes = std::size_t{3} * side * side;
    for (std::int64_t i = 0; i < batch->size; ++i) {
      const Confusion& c = results.confusions[tiles.size()];
      const auto first = batch->images.begin() + static_cast<std::ptrdiff_t>(i * bytes);
      tiles.push_back({.rgb = {first, first + static_cast<std::ptrdiff_t>(bytes)},
                       .captions = {name_of(names, c.label), "taken for " + name_of(names, c.taken_for),
                                    str(c.images, " of ", results.images[static_cast<std::size_t>(c.label)])}});
    }
  }
  return contact_sheet("an image of each of the most frequent confusions", tiles, side, side);
}

}  // namespace mosaic
