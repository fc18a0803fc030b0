#include "base/url.h"

namespace mosaic {
namespace {

bool is_letter_or_digit(char c) { return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9'); }

}  // namespace

std::string_view url_scheme(std::string_view path) {
  const auto colon = path.find("://");
  if (colon == std::string_view::npos || path.substr(0, colon).find('/') != std::string_view::npos) return {};
  return path.substr(0, colon);
}

bool is_remote(std::string_view path) {
  const std::string_view scheme = url_scheme(path);
  return scheme == "s3" || scheme == "https" || scheme == "http";
}

std::string percent_encoded(std::string_view path) {
  std::string encoded;
  for (const char c : path) {
    if (is_letter_or_digit(c) || std::string_view("-._~/").find(c) != std::string_view::npos) {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    for (const char digit : {'%', "0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15]}) encoded += digit;
  }
  return encoded;
}

}  // namespace mosaic
