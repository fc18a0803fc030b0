#include "report/line_chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "base/error.h"
#include "base/text.h"

namespace mosaic {
namespace {

// In units of the picture.
constexpr double kWidth = 640, kHeight = 300;
constexpr double kLeft = 64, kRight = 14, kTop = 34, kBottom = 34;
constexpr int kMarks = 5;

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
  void cover(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  /// Never empty: a line that stays where it is gets room above and below.
  void widen() {
    if (high > low) return;
    const double room = low == 0 ? 1 : std::abs(low) * 0.1;
    low -= room;
    high += room;
  }
};

std::string coordinate(double value) { return decimals(value, 1); }

/// Where numbers are in the picture.
struct Frame {
  Range x, y;
  double at_x(double value) const { return kLeft + (value - x.low) / (x.high - x.low) * (kWidth - kLeft - kRight); }
  double at_y(double value) const {
    return kHeight - kBottom - (value - y.low) / (y.high - y.low) * (kHeight - kTop - kBottom);
  }
};

Frame frame_of(const ChartStyle& style, const std::vector<ChartLine>& lines) {
  Frame frame;
  for (const ChartLine& line : lines)
    for (const auto& [batch, value] : line.points) frame.x.cover(batch), frame.y.cover(value);
  if (style.from_zero) frame.y.cover(0);
  frame.x.widen();
  frame.y.widen();
  const auto marks = axis_marks(frame.y.low, frame.y.high, kMarks);
  frame.y = {marks.front(), marks.back()};
  return frame;
}

std::string grid(const Frame& frame, const std::string& unit) {
  std::string svg;
  const std::string left = coordinate(kLeft), right = coordinate(kWidth - kRight);
  for (const double mark : axis_marks(frame.y.low, frame.y.high, kMarks)) {
    const std::string y = coordinate(frame.at_y(mark));
    svg += str("<line class='grid' x1='", left, "' x2='", right, "' y1='", y, "' y2='", y, "'/><text class='mark' x='",
               coordinate(kLeft - 8), "' y='", y, "' text-anchor='end' dominant-baseline='middle'>", short_number(mark),
               escaped(unit), "</text>");
  }
  for (const double mark : axis_marks(frame.x.low, frame.x.high, kMarks)) {
    if (mark < frame.x.low || mark > frame.x.high) continue;
    svg += str("<text class='mark' x='", coordinate(frame.at_x(mark)), "' y='", coordinate(kHeight - 12),
               "' text-anchor='middle'>", short_number(mark), "</text>");
  }
  return svg;
}

std::string drawn(const Frame& frame, const ChartLine& line) {
  if (line.points.empty()) return "";
  const auto& [batch, value] = line.points.front();
  if (line.points.size() == 1)
    return str("<circle class='dot c", line.colour, "' r='4' cx='", coordinate(frame.at_x(batch)), "' cy='",
               coordinate(frame.at_y(value)), "'/>");
  std::string points;
  for (const auto& p : line.points)
    points += str(coordinate(frame.at_x(p.batch)), ",", coordinate(frame.at_y(p.value)), " ");
  points.pop_back();
  return str("<polyline class='line c", line.colour, line.faint ? " faint" : "", "' points='", points, "'><title>",
             escaped(line.name), "</title></polyline>");
}

}  // namespace

std::string escaped(const std::string& text) {
  std::string html;
  for (const char c : text) switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      default:
        html += c;
    }
  return html;
}

std::vector<double> axis_marks(double low, double high, int count) {
  const double rough = (high - low) / count, power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0})
    if (rough <= factor * power) {
      step = factor * power;
      break;
    }
  std::vector<double> marks;
  const auto last = static_cast<long>(std::ceil(high / step - 1e-9));
  for (auto i = static_cast<long>(std::floor(low / step + 1e-9)); i <= last; ++i)
    marks.push_back(static_cast<double>(i) * step);
  return marks;
}

std::string short_number(double value) {
  const double size = std::abs(value);
  const char* suffix = size >= 1e6 ? "M" : size >= 1e4 ? "k" : "";
  const double shown = size >= 1e6 ? value / 1e6 : size >= 1e4 ? value / 1e3 : value;
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", shown);
  return std::string(text) + suffix;
}

std::string line_chart(const ChartStyle& style, const std::vector<ChartLine>& lines) {
  const Frame frame = frame_of(style, lines);
  std::string svg = str("<svg viewBox='0 0 ", kWidth, " ", kHeight, "' role='img' aria-label='", escaped(style.title),
                        "'><text class='title' x='", coordinate(kLeft), "' y='20'>", escaped(style.title), "</text>",
                        grid(frame, style.unit));
  for (const ChartLine& line : lines) svg += drawn(frame, line);
  return svg + "</svg>";
}

}  // namespace mosaic
