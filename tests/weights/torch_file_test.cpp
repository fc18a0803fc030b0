#include "weights/torch_file.h"

#include <cstring>

#include "base/file.h"
#include "base/random.h"
#include "catch.h"
#include "support.h"
#include "weights/weights_file.h"
#include "weights/zip_entries.h"

namespace mosaic {
namespace {

using test::message_of;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

/// A file of the format before zip archives: magic number, version 1001, system, `dict`, the keys of its storages, their elements.
std::string old_file(const std::string& dict, const std::string& storages) {
  const std::string magic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15),
      version("\x80\x02M\xe9\x03.", 6);
  return magic + version + "\x80\x02}." + dict + storages;
}
std::string u64(std::uint64_t value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }
std::string text(const std::string& t) {
  return std::string("X") + static_cast<char>(t.size()) + std::string(3, '\0') + t;
}
/// The opcodes of a tensor of `shape` with `strides` from `offset` on in a storage of six floats.
std::string tensor(const std::string& shape, const std::string& strides, int offset) {
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\nFloatStorage\n" + text("7") +
         text("cpu") + "K\x06NtQK" + static_cast<char>(offset) + shape + strides + "\x89)t" + "R";
}
std::string six_floats() {
  const float values[] = {0, 1, 2, 3, 4, 5};
  return "\x80\x02](" + text("7") + "e." + u64(6) + std::string(reinterpret_cast<const char*>(values), sizeof values);
}
std::string dict_of(const std::string& name, const std::string& value) {
  return "\x80\x02}" + text(name) + value + "s.";
}

std::vector<float> floats(const TensorBytes& t) {
  std::vector<float> values(t.bytes.size() / sizeof(float));
  std::memcpy(values.data(), t.bytes.data(), t.bytes.size());
  return values;
}

TEST_CASE("what is written is read back, and is the same bytes again", "[weights]") {
  const test::TemporaryFolder folder;
  const std::vector<float> weight{1, 2, 3, 4, 5, 6};
  const std::vector<std::int64_t> tracked{1'000'000'000'000};
  const std::map<std::string, TensorBytes> tensors = {
      {"conv1.weight", {"F32", {2, 3}, std::as_bytes(std::span(weight))}},
      {"bn1.num_batches_tracked", {"I64", {}, std::as_bytes(std::span(tracked))}}};
  for (const char* name : {"a.pth", "b.pth"})
    write_torch_file(folder / name, tensors, {"conv1.weight", "bn1.num_batches_tracked"});
  CHECK(test::read_text(folder / "a.pth") == test::read_text(folder / "b.pth"));

  const WeightsFile file = read_weights_file(folder / "a.pth");
  CHECK(file.tensors.size() == 2);
  CHECK(file.tensors.at("conv1.weight").shape == std::vector<std::int64_t>{2, 3});
  CHECK(floats(file.tensors.at("conv1.weight")) == weight);
  CHECK(file.tensors.at("bn1.num_batches_tracked").shape.empty());
  CHECK(std::memcmp(file.tensors.at("bn1.num_batches_tracked").bytes.data(), tracked.data(), 8) == 0);
}

TEST_CASE("the format before zip archives is read; a transposed tensor becomes a contiguous one", "[weights]") {
  const std::string contents =
      old_file(dict_of("fc.weight", tensor("K\x03K\x02\x86", "K\x01K\x03\x86", 0)), six_floats());
  const TorchFile file("old.pth", bytes_of(contents));
  CHECK(file.tensors().at("fc.weight").shape == std::vector<std::int64_t>{3, 2});
  CHECK(floats(file.tensors().at("fc.weight")) == std::vector<float>{0, 3, 1, 4, 2, 5});
}

TEST_CASE("a training checkpoint gives its state dict; objects of other classes in it are passed over", "[weights]") {
  // {"args": os.system("exit"), "state_dict": {"x": tensor}}
  const std::string contents =
      old_file("\x80\x02}(" + text("args") + "cos\nsystem\n(" + text("exit") + "tR" + text("state_dict") + "}" +
                   text("x") + tensor("K\x02\x85", "K\x01\x85", 3) + "su.",
               six_floats());
  const TorchFile file("checkpoint.pth", bytes_of(contents));
  CHECK(file.tensors().size() == 1);
  CHECK(floats(file.tensors().at("x")) == std::vector<float>{3, 4});
}

TEST_CASE("a file that is none of weights is refused with a sentence", "[weights]") {
  const auto refusal = [](const std::string& contents) {
    return message_of([&] { TorchFile("w.pth", bytes_of(contents)); });
  };
  const std::string begin = "w.pth: not a file of weights by torch.save: ";
  CHECK(refusal("GIF89a") == begin + "it begins as none");
  CHECK_THAT(refusal("PK\x03\x04nothing else"), Catch::StartsWith(begin + "not a"));
  const auto with = [&](const std::string& value) { return refusal(old_file(dict_of("x", value), six_floats())); };
  CHECK(with("K\x05") ==
        begin + "a storage of no tensor of the state dict: only files of one state dict can be read in this format");
  CHECK(with(tensor("K\x07\x85", "K\x01\x85", 0)) ==
        begin + "tensor x: its shape lies outside its storage of 6 elements");
  CHECK(with(tensor("K\x02\x85", "K\x01\x85", 5)) ==
        begin + "tensor x: its shape lies outside its storage of 6 elements");
  CHECK(with(tensor("K\x09\x85", std::string("K\0\x85", 3), 0)) ==
        begin + "tensor x: its shape lies outside its storage of 6 elements");
  CHECK(with(tensor("J\xff\xff\xff\xff\x85", "K\x01\x85", 0)) ==
        begin + "tensor x: its shape lies outside its storage of 6 elements");
  CHECK(with("\xff") == begin + "not a pickle of tensors: byte 10: unknown opcode 255");
  CHECK(refusal(old_file("\x80\x02].", six_floats())) ==
        begin + "expected a dictionary of tensors, as torch.save(net.state_dict(), path) writes it");

  const test::TemporaryFolder folder;
  const std::string hello = "hello";
  write_zip(folder / "a.zip", {{"hello.txt", bytes_of(hello)}});
  CHECK(refusal(test::read_text(folder / "a.zip")) ==
        begin + "it is a zip archive without data.pkl: not one of torch.save");
}

TEST_CASE("a pickle that makes more of itself with every byte stays small", "[weights]") {
  std::string list = "](";
  for (int i = 0; i < 1000; ++i) list += "K\x01K\x02\x86";
  std::string pickle = "\x80\x02" + list + "eq";
  pickle += std::string("\1", 1) + "ccollections\nOrderedDict\nq" + std::string("\2", 1);
  for (int i = 0; i < 2000; ++i) pickle += std::string("h\2h\1\x85R", 6);
  CHECK_THAT(message_of([&] { TorchFile("w.pth", bytes_of(old_file(pickle + ".", six_floats()))); }),
             Catch::Contains("it makes more dictionaries of one list than it has bytes"));
}

TEST_CASE("ten thousand damaged files of weights: each is read or refused with a sentence", "[weights]") {
  const test::TemporaryFolder folder;
  std::vector<float> weight(64);
  const std::map<std::string, TensorBytes> tensors = {{"a", {"F32", {4, 4, 2, 2}, std::as_bytes(std::span(weight))}},
                                                      {"b", {"F32", {64}, std::as_bytes(std::span(weight))}}};
  write_torch_file(folder / "w.pth", tensors, {"a", "b"});
  write_safetensors(folder / "w.safetensors", tensors);
  const std::string kinds[] = {
      test::read_text(folder / "w.pth"), test::read_text(folder / "w.safetensors"),
      old_file(dict_of("fc.weight", tensor("K\x03K\x02\x86", "K\x01K\x03\x86", 0)), six_floats())};
  KeyedRandom random{2026};
  int read = 0;
  for (int i = 0; i < 10'000; ++i) {
    std::string contents = kinds[i % 3];
    const auto draw = [&](std::size_t bound) {
      return static_cast<std::size_t>(random.uniform_int(static_cast<int>(bound)));
    };
    for (std::size_t n = 1 + draw(4); n > 0; --n) switch (draw(4)) {
        case 0:
          contents[draw(contents.size())] ^= static_cast<char>(1 << draw(8));
          break;
        case 1:
          contents[draw(contents.size())] = static_cast<char>(draw(256));
          break;
        case 2:
          contents.resize(1 + draw(contents.size()));
          break;
        default:
          contents.insert(draw(contents.size()), contents.substr(draw(contents.size()), 1 + draw(16)));
      }
    const auto bytes = bytes_of(contents);
    const std::string said = message_of([&] {
      if (is_torch_file(bytes))
        TorchFile("damaged", bytes);
      else
        SafetensorsFile("damaged", {bytes.begin(), bytes.end()});
      ++read;
    });
    if (!said.empty() && !said.starts_with("damaged: ")) FAIL("a sentence without the file: " << said);
  }
  CHECK(read > 0);  // bits of the weights themselves, in the formats without checksums
  CHECK(read < 5'000);
}

}  // namespace
}  // namespace mosaic
