#include "remote/http_answer.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include "base/error.h"

namespace mosaic {
namespace {

constexpr std::size_t kMostRefusal = 4096;  // bytes kept of what a server says
constexpr std::size_t kMostShown = 300;     // of these, shown

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  return fault == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto first = text.find_first_not_of(kBlanks);
  return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

/// The text of the first <`name`> in XML.
std::string element(const std::string& xml, const std::string& name) {
  const std::string tag = "<" + name + ">";
  const auto begin = xml.find(tag), end = xml.find("</" + name + ">");
  if (begin == std::string::npos || end == std::string::npos || end < begin + tag.size()) return {};
  return xml.substr(begin + tag.size(), end - begin - tag.size());
}

}  // namespace

void HttpAnswer::add_header(std::string_view line) {
  if (line.starts_with("HTTP/")) {  // of this answer, or of one that it was redirected to
    const auto blank = std::min(line.find(' '), line.size());
    status_ = static_cast<int>(number_in(trimmed(line.substr(blank, 4))).value_or(0));
    length_ = first_ = size_ = std::nullopt;
    etag_.clear(), last_modified_.clear(), refusal_.clear();
    return;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string name = lower(line.substr(0, colon));
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (name == "content-length") length_ = number_in(value);
  if (name == "etag") etag_ = value;
  if (name == "last-modified") last_modified_ = value;
  if (name == "x-amz-bucket-region") bucket_region_ = value;
  if (name == "content-range" && value.starts_with("bytes ")) {  // bytes 0-1048575/1073741824
    const auto dash = value.find('-'), slash = value.find('/');
    if (dash == std::string_view::npos || slash == std::string_view::npos) return;
    first_ = number_in(value.substr(6, dash - 6));
    size_ = number_in(value.substr(slash + 1));
  }
}

bool HttpAnswer::begin_body() {
  position_ = status_ == 206 ? first_.value_or(wanted_.next) : 0;
  const auto size = status_ == 206 ? size_ : length_;
  if (!size)
    throw Error(str("the server does not say how many bytes it has (no ",
                    status_ == 206 ? "Content-Range" : "Content-Length", "): expected a server of plain files"));
  if (position_ > wanted_.next)
    throw Error(str("got bytes from ", position_, " on, expected them from ", wanted_.next, " on"));
  version_ = {*size, etag_.empty() ? last_modified_ : etag_};
  other_version_ = wanted_.expected && version_ != *wanted_.expected;
  wanted_.end = std::min(wanted_.end, *size);
  return !other_version_;
}

bool HttpAnswer::add_body(std::span<const std::byte> bytes) try {
  if (status_ != 200 && status_ != 206) {
    const auto kept = bytes.first(std::min(bytes.size(), kMostRefusal - refusal_.size()));
    refusal_.append(reinterpret_cast<const char*>(kept.data()), kept.size());
    return true;
  }
  if (!std::exchange(body_began_, true) && !begin_body()) return false;
  const std::uint64_t begin = std::max(position_, wanted_.next), end = std::min(position_ + bytes.size(), wanted_.end);
  if (begin < end) {
    (*wanted_.sink)(bytes.subspan(begin - position_, end - begin));
    wanted_.next = end;
  }
  position_ += bytes.size();
  return wanted_.next < wanted_.end;
} catch (...) {  // goes on where the library has returned, which knows no exceptions
  failure_ = std::current_exception();
  return false;
}

std::string HttpAnswer::error_code() const { return element(refusal_, "Code"); }

std::string HttpAnswer::message() const {
  if (const std::string code = error_code(); !code.empty()) return str(code, ": ", element(refusal_, "Message"));
  std::string words;
  for (const char c : trimmed(refusal_).substr(0, kMostShown))
    words += static_cast<unsigned char>(c) < ' ' ? ' ' : c;  // one line, no control codes
  return words;
}

}  // namespace mosaic
