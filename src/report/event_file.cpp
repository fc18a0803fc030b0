#include "report/event_file.h"

#include <unistd.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <span>

#include "base/crc32c.h"
#include "base/error.h"

namespace mosaic {
namespace {

static_assert(std::endian::native == std::endian::little, "event files are little endian");

/// A message of protocol buffers: https://protobuf.dev/programming-guides/encoding
class Message {
 public:
  Message& varint(int field, std::uint64_t value) {
    raw_varint(static_cast<std::uint64_t>(field) << 3);
    raw_varint(value);
    return *this;
  }
  Message& real(int field, double value) {
    raw_varint(static_cast<std::uint64_t>(field) << 3 | 1);
    return raw(value);
  }
  Message& real(int field, float value) {
    raw_varint(static_cast<std::uint64_t>(field) << 3 | 5);
    return raw(value);
  }
  Message& text(int field, const std::string& value) {
    raw_varint(static_cast<std::uint64_t>(field) << 3 | 2);
    raw_varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(int field, const Message& value) { return text(field, value.bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  template <class T>
  Message& raw(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  void raw_varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

// Fields of an Event.
constexpr int kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7;
// SessionLog: what is known of this step and later ones is void.
constexpr int kStatus = 1, kStart = 1;
// Summary, and its values.
constexpr int kValue = 1, kTag = 1, kSimpleValue = 2, kImage = 4, kTensor = 8, kMetadata = 9;
// TensorProto: a text is a tensor of one string.
constexpr int kType = 1, kShape = 2, kStringValue = 8, kTypeString = 7, kDimension = 2, kSize = 1;
// Summary.Image.
constexpr int kHeight = 1, kWidth = 2, kColours = 3, kEncoded = 4;
// SummaryMetadata: which of TensorBoard's plugins shows it.
constexpr int kPlugin = 1, kPluginName = 1;

/// A big-endian number of a PNG file's header: https://www.w3.org/TR/png, 11.2.1.
std::uint32_t png_number(const std::string& png, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = at; i < at + 4; ++i) number = number << 8 | static_cast<std::uint8_t>(png.at(i));
  return number;
}

Message event_at(double time, std::int64_t step) {
  return std::move(Message().real(kWallTime, time).varint(kStep, static_cast<std::uint64_t>(step)));
}

std::string masked_crc(const std::string& bytes) {
  const std::uint32_t crc = crc32c(std::as_bytes(std::span(bytes)));
  const std::uint32_t masked = std::rotr(crc, 15) + 0xa282ead8u;
  return {reinterpret_cast<const char*>(&masked), sizeof masked};
}

/// "events.out.tfevents.1732752000.node7.4711.0": the number at the end makes it one that is not there yet.
std::string new_path(const std::string& folder, double time) {
  char host[256] = "host";
  ::gethostname(host, sizeof host - 1);
  for (int n = 0;; ++n) {
    std::string path =
        str(folder, "/events.out.tfevents.", static_cast<std::int64_t>(time), ".", host, ".", ::getpid(), ".", n);
    if (::access(path.c_str(), F_OK) != 0) return path;
  }
}

}  // namespace

EventFile::EventFile(const std::string& folder, double time, std::int64_t first_step) : file_(new_path(folder, time)) {
  add(event_at(time, 0).text(kFileVersion, "brain.Event:2").bytes());
  if (first_step > 0)
    add(event_at(time, first_step + 1).message(kSessionLog, Message().varint(kStatus, kStart)).bytes());
}

void EventFile::add_scalars(const std::vector<std::pair<std::string, double>>& scalars, double time,
                            std::int64_t step) {
  Message summary;
  for (const auto& [name, value] : scalars)
    if (std::isfinite(value))
      summary.message(kValue, Message().text(kTag, name).real(kSimpleValue, static_cast<float>(value)));
  add(event_at(time, step).message(kSummary, summary).bytes());
}

void EventFile::add_text(const std::string& name, const std::string& markdown, double time, std::int64_t step) {
  const Message shape = std::move(Message().message(kDimension, Message().varint(kSize, 1)));
  const Message tensor =
      std::move(Message().varint(kType, kTypeString).message(kShape, shape).text(kStringValue, markdown));
  const Message metadata = std::move(Message().message(kPlugin, Message().text(kPluginName, "text")));
  const Message value = std::move(Message().text(kTag, name).message(kTensor, tensor).message(kMetadata, metadata));
  add(event_at(time, step).message(kSummary, Message().message(kValue, value)).bytes());
}

void EventFile::add_image(const std::string& name, const std::string& png, double time, std::int64_t step) {
  const Message image = std::move(Message()
                                      .varint(kHeight, png_number(png, 20))
                                      .varint(kWidth, png_number(png, 16))
                                      .varint(kColours, 3)
                                      .text(kEncoded, png));
  const Message value = std::move(Message().text(kTag, name).message(kImage, image));
  add(event_at(time, step).message(kSummary, Message().message(kValue, value)).bytes());
}

void EventFile::add(const std::string& event) {
  const std::uint64_t size = event.size();
  const std::string length(reinterpret_cast<const char*>(&size), sizeof size);
  file_.add(length + masked_crc(length) + event + masked_crc(event));
}

}  // namespace mosaic
