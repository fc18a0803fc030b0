#include "preprocess/pack_reports.h"

#include <sstream>
#include <thread>
#include <utility>

#include "base/error.h"

namespace mosaic {
namespace {

constexpr std::chrono::milliseconds kBetweenPosts{500};
constexpr std::chrono::milliseconds kBetweenLooks{20};

}  // namespace

PackReports::PackReports(Team& team, const std::string& split, std::int64_t total, std::int64_t done, std::int64_t bad,
                         std::function<void(PackedGroup)> keep)
    : team_(team), keep_(std::move(keep)), files_(done), bad_(bad) {
  if (team.first()) progress_ = std::make_unique<ProgressLine>(split, total, done);
}

void PackReports::post_files() {
  team_.post(str("files ", std::exchange(new_files_, 0), ' ', std::exchange(new_bad_, 0)));
  posted_ = std::chrono::steady_clock::now();
}

void PackReports::add_file(bool is_bad) {
  ++new_files_;
  if (is_bad) ++new_bad_;
  if (team_.first()) {  // it need not wait to tell itself
    post_files();
    take_posted();
  } else if (std::chrono::steady_clock::now() - posted_ > kBetweenPosts) {
    post_files();
  }
}

void PackReports::add_group(PackedGroup group) {
  Journal one;
  one.groups.emplace(group.number, std::move(group));
  team_.post(to_text(one));
  if (team_.first()) take_posted();
}

void PackReports::take_posted() {
  for (const std::string& text : team_.collect()) {
    std::istringstream in(text);
    std::string word;
    in >> word;
    if (word == "files") {
      std::int64_t files = 0, bad = 0;
      in >> files >> bad;
      files_ += files;
      bad_ += bad;
    } else if (word == "end") {
      ++ended_;
    } else if (auto journal = journal_of(text)) {
      for (auto& [number, group] : journal->groups) keep_(std::move(group));
    }
  }
  progress_->update(files_, bad_ > 0 ? str(bad_, " bad") : "");
}

void PackReports::end() {
  post_files();
  team_.post("end");
  if (team_.first())
    for (take_posted(); ended_ < team_.size(); take_posted()) std::this_thread::sleep_for(kBetweenLooks);
  team_.barrier();  // what is posted from now on is about the next split
}

}  // namespace mosaic
