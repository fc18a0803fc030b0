#include "base/duration.h"

#include <array>
#include <cassert>
#include <charconv>
#include <cmath>

#include "base/error.h"

namespace mosaic {
namespace {

struct UnitName {
  TimeUnit unit;
  std::string_view name;
};
constexpr std::array<UnitName, 5> kUnits{{{TimeUnit::kEpoch, "ep"},
                                          {TimeUnit::kBatch, "ba"},
                                          {TimeUnit::kSample, "sp"},
                                          {TimeUnit::kToken, "tok"},
                                          {TimeUnit::kDuration, "dur"}}};
constexpr double kLargest = 0x1p53;  // beyond it a double is not exact in whole numbers

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if ('A' <= c && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

// std::from_chars alone would take "inf", "nan" and "1e+4", too.
std::optional<double> parse_number(const std::string& text) {
  if (text.find_first_not_of("-.0123456789e") != std::string::npos) return std::nullopt;
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

double whole_unless_fraction(double value, TimeUnit unit) {
  return unit == TimeUnit::kDuration ? value : std::trunc(value);
}

}  // namespace

std::optional<Duration> Duration::try_parse(std::string_view text) {
  const std::string name = lower(text);
  for (const UnitName& unit : kUnits) {
    if (!name.ends_with(unit.name)) continue;
    const auto value = parse_number(name.substr(0, name.size() - unit.name.size()));
    if (!value || std::abs(*value) > kLargest) return std::nullopt;
    if (whole_unless_fraction(*value, unit.unit) != *value) return std::nullopt;
    return Duration{*value, unit.unit};
  }
  return std::nullopt;
}

Duration Duration::parse(std::string_view text) {
  if (const auto duration = try_parse(text)) return *duration;
  throw Error(str("got \"", text, "\", expected a number and a unit, such as 90ep: a whole number of ep (epochs), ba ",
                  "(batches), sp (samples) or tok (tokens), or a fraction of the run in dur"));
}

std::string Duration::text() const {
  std::array<char, 32> digits;
  const auto end = unit == TimeUnit::kDuration
                       ? std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr
                       : std::to_chars(digits.data(), digits.data() + digits.size(), std::llround(value)).ptr;
  std::string number(digits.data(), end);
  if (unit == TimeUnit::kDuration) {
    std::erase(number, '+');  // 1e+20 is no number of the grammar
    if (number.find_first_of(".e") == std::string::npos) number += ".0";
  }
  for (const UnitName& name : kUnits)
    if (name.unit == unit) number += name.name;
  return number;
}

Duration operator*(Duration a, double b) { return {whole_unless_fraction(a.value * b, a.unit), a.unit}; }

Duration operator/(Duration a, double b) {
  assert(b != 0);
  return {whole_unless_fraction(a.value / b, a.unit), a.unit};
}

}  // namespace mosaic
