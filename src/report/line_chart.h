#pragma once

#include <string>
#include <vector>

#include "report/curve.h"

namespace mosaic {

/// One line of a chart.
struct ChartLine {
  std::string name;  // in the legend; "": none
  int colour = 0;    // number of the palette's colour, from 0: the class c0, c1, ... of the page's style sheet
  bool faint = false;
  std::vector<Curve::Point> points;  // a single one is drawn as a dot
};

struct ChartStyle {
  std::string title, unit;  // unit: "%", "s", ...; behind the numbers of the vertical axis
  bool from_zero = false;   // the vertical axis begins at 0
};

/// An SVG picture of lines over the batches, without size: it fills its place on the page. Texts are escaped.
std::string line_chart(const ChartStyle& style, const std::vector<ChartLine>& lines);

/// Text as HTML and SVG have it: & < > and quotes escaped.
std::string escaped(const std::string& text);

/// About `count` round numbers from at most `low` to at least `high`: the marks of an axis. @param high  above `low`
std::vector<double> axis_marks(double low, double high, int count);

/// "12.5", "0.0004", "1.25M": a few digits, as an axis has them.
std::string short_number(double value);

}  // namespace mosaic
