#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "image/formats.h"

namespace mosaic {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// The characters of the file, one after the other.
class Text {
 public:
  explicit Text(Bytes file) : text_(reinterpret_cast<const char*>(file.data()), file.size()) {}

  bool at_end() const { return at_ == text_.size(); }
  char next() { return text_[at_++]; }
  std::string_view rest() const { return text_.substr(at_); }

  void skip_comment() {
    while (!at_end())
      if (const char c = next(); c == '\n' || c == '\r') return;
  }

  /// A number, and the one character after it. As in Pillow a comment counts for nothing, not even for a space.
  int number() {
    std::string token;
    while (!at_end()) {
      const char c = next();
      if (c == '#') {
        skip_comment();
      } else if (!is_space(c)) {
        token += c;
        if (token.size() > 10) throw Error(str("PNM: a number of more than 10 characters: ", token));
      } else if (!token.empty()) {
        break;
      }
    }
    if (token.empty()) throw Error("PNM: the file is truncated: no number where one is expected");
    std::int64_t value = 0;
    for (const char c : token) {
      if (c < '0' || c > '9') throw Error(str("PNM: found '", token, "', expected a number"));
      value = value * 10 + (c - '0');
    }
    if (value > kMaxPixels) throw Error(str("PNM: the number ", value, " is out of range"));
    return static_cast<int>(value);
  }

  /// One digit of a bitmap in text; digits may touch each other.
  int bit() {
    while (!at_end()) {
      const char c = next();
      if (c == '#') {
        skip_comment();
      } else if (!is_space(c)) {
        if (c != '0' && c != '1') throw Error(str("PNM: found '", c, "', expected 0 or 1"));
        return c - '0';
      }
    }
    throw Error("PNM: the file is truncated");
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

/// Samples of the range 0 to `maxval` as Pillow scales them: colours to 8 bits; grey with more than 8 bits to 16 bits,
/// and then cut off at 255.
class Scale {
 public:
  Scale(int maxval, bool grey) : maxval_(maxval), deep_grey_(grey && maxval > 255) {}

  std::uint8_t operator()(int value) const {
    const int top = deep_grey_ ? 65535 : 255;
    const double scaled = std::nearbyint(static_cast<double>(value) / maxval_ * top);  // half to even
    return clip_grey16(static_cast<unsigned>(std::min(scaled, static_cast<double>(top))));
  }

 private:
  int maxval_;
  bool deep_grey_;
};

/// Calls `sample()` for each sample of the file in turn.
template <class Sample>
void fill(Image& out, bool grey, Sample sample) {
  for (std::size_t i = 0; i < out.rgb.size(); i += 3) {
    if (grey) {
      put_grey(&out.rgb[i], sample());
    } else {
      for (int c = 0; c < 3; ++c) out.rgb[i + c] = sample();
    }
  }
}

void read_bits(Text& text, Image& out) {  // 1 is black; each row begins with a byte
  const std::size_t row_bytes = (static_cast<std::size_t>(out.width) + 7) / 8;
  const std::string_view bits = text.rest();
  if (bits.size() < row_bytes * out.height) throw Error("PNM: the file is truncated");
  std::uint8_t* rgb = out.rgb.data();
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x, rgb += 3)
      put_grey(rgb, bits[y * row_bytes + x / 8] >> (7 - x % 8) & 1 ? 0 : 255);
}

void read_bytes(Text& text, int maxval, bool grey, Image& out) {
  const std::size_t samples = static_cast<std::size_t>(out.width) * out.height * (grey ? 1 : 3);
  const std::size_t sample_bytes = maxval > 255 ? 2 : 1;
  if (text.rest().size() < samples * sample_bytes)
    throw Error(
        str("PNM: the file is truncated: ", text.rest().size(), " bytes of pixels, expected ", samples * sample_bytes));
  const auto* next = reinterpret_cast<const std::uint8_t*>(text.rest().data());
  if (maxval == 255 && !grey) {
    std::memcpy(out.rgb.data(), next, samples);
  } else if (sample_bytes == 1) {
    const Scale scale(maxval, grey);
    fill(out, grey, [&] { return scale(*next++); });
  } else {
    const Scale scale(maxval, grey);
    fill(out, grey, [&] {
      next += 2;
      return scale(next[-2] << 8 | next[-1]);
    });
  }
}

}  // namespace

void decode_pnm(Bytes file, Image& out) {
  const char kind = static_cast<char>(file[1]);  // '1' to '6': bits, grey, colour as text, then the same as bytes
  Text text(file.subspan(3));
  const int width = text.number();
  const int height = text.number();
  const bool as_text = kind <= '3';
  const bool grey = kind == '2' || kind == '5';
  const int maxval = kind == '1' || kind == '4' ? 1 : text.number();
  if (maxval < 1 || maxval > 65535) throw Error(str("PNM: maximum value ", maxval, ", expected 1 to 65535"));
  // Two characters a number (one for bits): a file cannot claim more pixels than it has characters.
  check_size(width, height);
  if (as_text && static_cast<std::size_t>(width) * height > text.rest().size())
    throw Error("PNM: the file is truncated");
  set_size(out, width, height);

  if (kind == '1') {
    fill(out, true, [&] { return static_cast<std::uint8_t>(text.bit() ? 0 : 255); });
  } else if (kind == '4') {
    read_bits(text, out);
  } else if (as_text) {
    const Scale scale(maxval, grey);
    fill(out, grey, [&] {
      const int value = text.number();
      if (value > maxval) throw Error(str("PNM: a value of ", value, ", expected at most ", maxval));
      return scale(value);
    });
  } else {
    read_bytes(text, maxval, grey, out);
  }
}

}  // namespace mosaic
