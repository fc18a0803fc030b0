// The conversions of value.h between scalars and C++ values: YAML 1.2.2, section 10.3.2, core schema.
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>
#include <type_traits>

#include "config/value.h"

namespace mosaic {
namespace {

constexpr std::string_view kDigits = "0123456789";

bool only(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

std::string_view without_sign(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return text;
}

// [-+]? digits, or 0o octal, or 0x hexadecimal
template <class Integer>
bool convert_integer(const Value& value, Integer& out) {
  if (value.kind != Value::Kind::kPlain) return false;
  std::string_view text = value.text;
  int base = 10;
  if (text.starts_with("0o") && only(text.substr(2), "01234567")) {
    base = 8;
    text.remove_prefix(2);
  } else if (text.starts_with("0x") && only(text.substr(2), "0123456789abcdefABCDEF")) {
    base = 16;
    text.remove_prefix(2);
  } else if (!only(without_sign(text), kDigits)) {
    return false;
  }
  if (text.starts_with('+')) text.remove_prefix(1);
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out, base);
  return error == std::errc() && stop == end;
}

// [-+]? ( .digits | digits [. digits?] ) ( e [-+]? digits )?
bool is_float(std::string_view text) {
  text = without_sign(text);
  const auto exponent = text.find_first_of("eE");
  if (exponent != std::string_view::npos) {
    if (!only(without_sign(text.substr(exponent + 1)), kDigits)) return false;
    text = text.substr(0, exponent);
  }
  const auto point = text.find('.');
  if (point == std::string_view::npos) return only(text, kDigits);
  const std::string_view whole = text.substr(0, point), fraction = text.substr(point + 1);
  return (whole.empty() || only(whole, kDigits)) && (fraction.empty() ? !whole.empty() : only(fraction, kDigits));
}

template <class Number>
Value number_value(Number x) {
  std::array<char, 40> digits;
  char* const begin = digits.data();
  char* end = begin + digits.size();
  if constexpr (std::is_floating_point_v<Number>) {
    end = std::to_chars(begin, end, x, std::chars_format::general).ptr;
  } else {
    end = std::to_chars(begin, end, x).ptr;
  }
  return {.kind = Value::Kind::kPlain, .text = std::string(begin, end)};
}

}  // namespace

bool convert(const Value& value, bool& out) {
  if (value.kind != Value::Kind::kPlain) return false;
  const std::string& text = value.text;
  out = text == "true" || text == "True" || text == "TRUE";
  return out || text == "false" || text == "False" || text == "FALSE";
}

bool convert(const Value& value, int& out) { return convert_integer(value, out); }
bool convert(const Value& value, std::int64_t& out) { return convert_integer(value, out); }
bool convert(const Value& value, std::uint32_t& out) { return convert_integer(value, out); }

bool convert(const Value& value, double& out) {
  std::int64_t whole = 0;
  if (convert_integer(value, whole)) {
    out = static_cast<double>(whole);
    return true;
  }
  if (value.kind != Value::Kind::kPlain || !is_float(value.text)) return false;  // .inf and .nan are no settings
  std::string_view text = value.text;
  if (text.starts_with('+')) text.remove_prefix(1);
  return std::from_chars(text.data(), text.data() + text.size(), out).ec == std::errc();
}

bool convert(const Value& value, std::string& out) {
  out = value.text;
  return value.kind == Value::Kind::kPlain || value.kind == Value::Kind::kQuoted;
}

bool convert(const Value& value, Duration& out) {
  const auto duration = Duration::try_parse(value.text);
  if (duration) out = *duration;
  return duration.has_value();
}

Value to_value(bool x) { return {.kind = Value::Kind::kPlain, .text = x ? "true" : "false"}; }
Value to_value(int x) { return number_value(x); }
Value to_value(std::int64_t x) { return number_value(x); }
Value to_value(std::uint32_t x) { return number_value(x); }
Value to_value(double x) { return number_value(x); }
Value to_value(const std::string& x) { return {.kind = Value::Kind::kQuoted, .text = x}; }
Value to_value(const Duration& x) { return {.kind = Value::Kind::kPlain, .text = x.text()}; }

}  // namespace mosaic
