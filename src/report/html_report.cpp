#include "report/html_report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <numeric>
#include <span>

#include "base/base64.h"
#include "base/error.h"
#include "base/text.h"
#include "report/line_chart.h"
#include "report/run_record.h"

namespace mosaic {
namespace {

// Colours that people with any kind of colour vision tell apart: Okabe and Ito, Color Universal Design, 2008, with grey for their black.
constexpr char kStyle[] = R"(
:root{--ink:#1b1f24;--soft:#57606a;--grid:#d8dee4;--paper:#fff;--panel:#f6f8fa}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9198a1;--grid:#30363d;--paper:#0d1117;--panel:#151b23}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.2rem;max-width:84rem;background:var(--paper);color:var(--ink);font:16px/1.45 system-ui,sans-serif}
h1{font-size:1.5rem;margin:.2rem 0}h2{font-size:1.15rem;margin:2rem 0 .6rem}h3{font-size:1rem;margin:1.2rem 0 .4rem}
.beside{display:flex;flex-wrap:wrap;gap:0 3rem;align-items:flex-start}.beside>div{max-width:100%}
img{max-width:100%;height:auto;image-rendering:pixelated}.share{width:8rem}.share i{display:block;height:.7rem;background:#0072b2;border-radius:.2rem;print-color-adjust:exact;-webkit-print-color-adjust:exact}
p.about{color:var(--soft);margin:.2rem 0 1rem}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1rem}
figure{margin:0;padding:.4rem;background:var(--panel);border-radius:.5rem;break-inside:avoid}
svg{width:100%;height:auto;display:block}
svg text{fill:var(--soft);font:13px system-ui,sans-serif}svg .title{fill:var(--ink);font-weight:600;font-size:15px}
.grid{stroke:var(--grid);stroke-width:1}.line{fill:none;stroke-width:2;stroke-linejoin:round}.faint{stroke-width:1;opacity:.55}
.line.c0{stroke:#0072b2}.line.c1{stroke:#d55e00}.line.c2{stroke:#009e73}.line.c3{stroke:#cc79a7}.line.c4{stroke:#e69f00}.line.c5{stroke:#56b4e9}.line.c6{stroke:#8c8c8c}
.dot.c0,.key.c0{fill:#0072b2;background:#0072b2}.dot.c1,.key.c1{fill:#d55e00;background:#d55e00}.dot.c2,.key.c2{fill:#009e73;background:#009e73}
.dot.c3,.key.c3{fill:#cc79a7;background:#cc79a7}.dot.c4,.key.c4{fill:#e69f00;background:#e69f00}.dot.c5,.key.c5{fill:#56b4e9;background:#56b4e9}.dot.c6,.key.c6{fill:#8c8c8c;background:#8c8c8c}
.key{display:inline-block;width:.8rem;height:.8rem;border-radius:.2rem;margin-right:.4rem;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .8rem .3rem 0;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}
th:first-child,td:first-child{text-align:left}th{color:var(--soft);font-weight:500}
.bar{display:flex;height:1.4rem;border-radius:.3rem;overflow:hidden;margin:.3rem 0}
.bar i{display:block;height:100%;margin:0;border-radius:0;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.legend span{display:inline-block;margin-right:1.2rem;white-space:nowrap}
pre{overflow-x:auto;background:var(--panel);padding:.8rem;border-radius:.5rem;font-size:.85rem}
@media print{body{max-width:none;padding:0}details{display:none}}
)";
constexpr int kColours = 7;  // as many as a step has parts

using Runs = std::vector<RunRecord>;

/// "2 h 05 min", "3 min 20 s", "12.5 s"
std::string span_of(double seconds) {
  char text[64];
  const auto whole = static_cast<long>(std::lround(seconds));
  if (seconds < 60) return decimals(seconds, 1) + " s";
  if (whole < 3600)
    std::snprintf(text, sizeof text, "%ld min %02ld s", whole / 60, whole % 60);
  else
    std::snprintf(text, sizeof text, "%ld h %02ld min", whole / 3600, whole / 60 % 60);
  return text;
}

/// What the reader of a table sees of a run's number; a dash where the run does not have it.
struct Column {
  const char* title;
  std::function<std::string(const RunRecord&)> cell;
};

std::string from_summary(const RunRecord& run, const std::string& key,
                         const std::function<std::string(double)>& shown) {
  const auto found = run.summary.find(key);
  return found == run.summary.end() ? "–" : shown(found->second);
}

std::string last_of(const RunRecord& run, const std::string& key, const std::function<std::string(double)>& shown) {
  return run.has(key) ? shown(run.curves.at(key).last()) : "–";
}

std::string overview(const Runs& runs) {
  const auto whole = [](double v) { return decimals(v, 0); };
  const std::vector<Column> columns = {
      {"ended", [](const RunRecord& r) { return r.exit_reason.empty() ? "not yet" : escaped(r.exit_reason); }},
      {"top-1",
       [](const RunRecord& r) {
         return last_of(r, "metrics/eval/MulticlassAccuracy", [](double v) { return decimals(100 * v, 2) + " %"; });
       }},
      {"cross entropy",
       [](const RunRecord& r) {
         return last_of(r, "metrics/eval/SampleCrossEntropy", [](double v) { return decimals(v, 4); });
       }},
      {"training loss",
       [](const RunRecord& r) { return last_of(r, "loss/train/total", [](double v) { return decimals(v, 4); }); }},
      {"epochs", [&](const RunRecord& r) { return from_summary(r, "epochs", whole); }},
      {"batches", [&](const RunRecord& r) { return from_summary(r, "batches", whole); }},
      {"ranks", [&](const RunRecord& r) { return from_summary(r, "world_size", whole); }},
      {"training", [](const RunRecord& r) { return from_summary(r, "seconds.train_of_all_starts", span_of); }},
      {"images/s",
       [](const RunRecord& r) {
         return from_summary(r, "images_per_second", [](double v) { return decimals(v, v < 100 ? 1 : 0); });
       }},
      {"waiting for data",
       [](const RunRecord& r) {
         return from_summary(r, "data_wait_share", [](double v) { return decimals(100 * v, 2) + " %"; });
       }},
      {"memory of a rank",
       [](const RunRecord& r) {
         return from_summary(r, "peak_memory_bytes", [](double v) { return decimals(v / 1e9, 2) + " GB"; });
       }},
      {"starts", [](const RunRecord& r) { return std::to_string(r.starts); }},
  };
  std::string html = "<div class='wide'><table><tr><th>run</th>";
  for (const Column& c : columns) html += str("<th>", c.title, "</th>");
  html += "</tr>";
  for (std::size_t i = 0; i < runs.size(); ++i) {
    html += str("<tr><td><span class='key c", i % kColours, "'></span>", escaped(runs[i].name), "</td>");
    for (const Column& c : columns) html += str("<td>", c.cell(runs[i]), "</td>");
    html += "</tr>";
  }
  return html + "</table></div>";
}

/// A chart of one or two metrics of all runs, the second one faint; nothing where no run has any.
std::string chart(const Runs& runs, const ChartStyle& style, const std::vector<std::string>& keys, double factor = 1) {
  std::vector<ChartLine> lines;
  for (std::size_t i = 0; i < runs.size(); ++i)
    for (std::size_t k = 0; k < keys.size(); ++k) {
      if (!runs[i].has(keys[k]) || runs[i].curves.at(keys[k]).empty()) continue;
      ChartLine line{.name = runs[i].name + ": " + keys[k],
                     .colour = static_cast<int>(i) % kColours,
                     .faint = k > 0,
                     .points = runs[i].curves.at(keys[k]).points()};
      for (auto& point : line.points) point.value *= factor;
      lines.push_back(std::move(line));
    }
  return lines.empty() ? "" : "<figure>" + line_chart(style, lines) + "</figure>";
}

std::string charts(const Runs& runs) {
  return "<h2>Curves over the batches</h2><div class='charts'>" +
         chart(runs, {.title = "Accuracy: evaluation (bold), training (faint)", .unit = " %"},
               {"metrics/eval/MulticlassAccuracy", "metrics/train/MulticlassAccuracy"}, 100) +
         chart(runs, {.title = "Loss: evaluation (bold), training (faint)"},
               {"metrics/eval/SampleCrossEntropy", "loss/train/total"}) +
         chart(runs, {.title = "Learning rate", .from_zero = true},
               {"lr-DecoupledSGDW/group0", "lr-SAMOptimizer/group0"}) +
         chart(runs, {.title = "Image side", .unit = " px"}, {"progressive_resizing/height"}) +
         chart(runs, {.title = "Images per second", .from_zero = true}, {"throughput/samples_per_sec"}) + "</div>";
}

/// A bar of shares with its legend. @param parts  names and amounts, of which nothing is below 0
std::string share_bar(const std::vector<std::pair<std::string, double>>& parts, const std::string& caption) {
  const double sum =
      std::accumulate(parts.begin(), parts.end(), 0.0, [](double s, const auto& p) { return s + p.second; });
  if (!(sum > 0)) return "";
  std::string bar = "<div class='bar'>", legend = "<p class='legend'>" + escaped(caption) + ": ";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const double share = 100 * parts[i].second / sum;
    bar += str("<i class='key c", i % kColours, "' style='width:", decimals(share, 3), "%'></i>");
    legend += str("<span><span class='key c", i % kColours, "'></span>", escaped(parts[i].first), " ",
                  decimals(share, 1), " %</span>");
  }
  return bar + "</div>" + legend + "</p>";
}

std::string where_time_went(const Runs& runs) {
  std::string html;
  for (const RunRecord& run : runs) {
    std::vector<std::pair<std::string, double>> parts;
    for (const auto& part : run.step_seconds)
      if (part.first != "exchange_busy") parts.push_back(part);  // that goes on behind the others
    html += share_bar(parts, run.name);
  }
  return html.empty() ? "" : "<h2>Where the time of a step went</h2>" + html;
}

/// Seconds of a mean step of every rank, and how far the slowest is from the median.
std::string balance(const Runs& runs) {
  std::string html;
  for (const RunRecord& run : runs) {
    if (run.of_ranks.empty() || run.of_ranks[0].second.size() < 2) continue;
    html += "<div class='wide'><table><tr><th>" + escaped(run.name) +
            ": seconds a step</th><th>fastest rank</th><th>median</th><th>slowest</th><th>which</th></tr>";
    for (const auto& [name, values] : run.of_ranks) {
      std::vector<double> sorted = values;
      std::sort(sorted.begin(), sorted.end());
      const auto slowest = std::max_element(values.begin(), values.end()) - values.begin();
      html += str("<tr><td>", escaped(name), "</td><td>", decimals(sorted.front(), 4), "</td><td>",
                  decimals(sorted[sorted.size() / 2], 4), "</td><td>", decimals(sorted.back(), 4), "</td><td>rank ",
                  slowest, "</td></tr>");
    }
    html += "</table></div>";
  }
  return html.empty() ? "" : "<h2>How evenly the ranks worked</h2>" + html;
}

double accuracy_of(const RecordedClasses::Class& c) {
  return static_cast<double>(c.correct) / static_cast<double>(c.images);
}

/// A table of classes with their accuracy as a bar.
std::string class_table(const std::vector<RecordedClasses::Class>& classes) {
  std::string html =
      "<div class='wide'><table><tr><th>class</th><th>images</th><th>correct</th><th>top-1</th><th></th></tr>";
  for (const auto& c : classes) {
    const std::string percent = decimals(100 * accuracy_of(c), 1);
    html += str("<tr><td>", escaped(c.name), "</td><td>", c.images, "</td><td>", c.correct, "</td><td>", percent,
                " %</td><td class='share'><i style='width:", percent, "%'></i></td></tr>");
  }
  return html + "</table></div>";
}

std::string confusion_table(const std::vector<RecordedClasses::Confusion>& confusions) {
  std::string html = "<div class='wide'><table><tr><th>class</th><th>taken for</th><th>images</th></tr>";
  for (const auto& c : confusions)
    html += str("<tr><td>", escaped(c.name), "</td><td>", escaped(c.taken_for), "</td><td>", c.images, "</td></tr>");
  return html + "</table></div>";
}

/// Up to `most` of the first of them.
template <class T>
std::vector<T> first_of(const std::vector<T>& all, std::size_t most) {
  return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(most, all.size()))};
}

/// Worst classes first, all of them behind a click where they are many; what they are taken for.
std::string classes(const Runs& runs) {
  constexpr std::size_t kShown = 12;
  std::string html;
  for (const RunRecord& run : runs) {
    const RecordedClasses& recorded = run.classes;
    auto sorted = recorded.classes;
    std::erase_if(sorted, [](const auto& c) { return c.images == 0; });
    if (sorted.empty()) continue;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return accuracy_of(a) < accuracy_of(b); });
    html += str("<h2>Classes: ", escaped(run.name), " after ", recorded.epoch, " epochs, ", recorded.batch,
                " batches</h2><div class='beside'><div><h3>Lowest accuracy</h3>", class_table(first_of(sorted, kShown)),
                "</div>");
    if (!recorded.confusions.empty())
      html +=
          "<div><h3>Most frequent confusions</h3>" + confusion_table(first_of(recorded.confusions, kShown)) + "</div>";
    if (!recorded.picture.empty())
      html +=
          "<div><h3>An image of each</h3><img alt='an image of each of the most frequent confusions' "
          "src='data:image/png;base64," +
          base64(std::as_bytes(std::span(recorded.picture))) + "'></div>";
    html += "</div>";
    if (sorted.size() > kShown)
      html += str("<details><summary>all ", sorted.size(), " classes</summary>", class_table(sorted), "</details>");
    if (recorded.confusions.size() > kShown)
      html += str("<details><summary>the ", recorded.confusions.size(), " most frequent confusions</summary>",
                  confusion_table(recorded.confusions), "</details>");
  }
  return html;
}

std::string configurations(const Runs& runs) {
  std::string html = "<h2>Configuration</h2>";
  for (const RunRecord& run : runs)
    html += str("<details", runs.size() == 1 ? " open" : "", "><summary>", escaped(run.name), " (", escaped(run.folder),
                ")</summary><pre>", escaped(run.config), "</pre></details>");
  return html;
}

}  // namespace

std::string html_report(const std::vector<std::string>& folders) {
  Runs runs;
  for (const std::string& folder : folders) runs.push_back(read_run(folder));
  std::string names;
  for (const RunRecord& run : runs) names += (names.empty() ? "" : ", ") + run.name;
  return str(
      "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'><meta name='viewport' "
      "content='width=device-width,initial-scale=1'>"
      "<link rel='icon' href='data:,'><title>",
      escaped(names), "</title><style>", kStyle, "</style></head><body><h1>", escaped(names),
      "</h1><p class='about'>mosaic_resnet</p>", overview(runs), charts(runs), classes(runs), where_time_went(runs),
      balance(runs), configurations(runs), "</body></html>\n");
}

}  // namespace mosaic
