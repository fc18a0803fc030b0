#include "weights/safetensors.h"

#include <cstring>

#include "base/random.h"
#include "catch.h"
#include "support.h"

namespace mosaic {
namespace {

using test::message_of;

std::string file_of(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t size = header.size();
  std::string text(8, '\0');
  std::memcpy(text.data(), &size, 8);
  return text + header + std::string(data_bytes, 'x');
}

TEST_CASE("what is written is read back: names, types, shapes, bytes, metadata", "[weights]") {
  const test::TemporaryFolder folder;
  const std::vector<float> weight{1, 2, 3, 4, 5, 6};
  const std::vector<std::int64_t> count{42};
  const std::vector<std::uint8_t> flags{1, 0, 1};
  write_safetensors(folder / "a.safetensors",
                    {{"conv1.weight", {"F32", {2, 3}, std::as_bytes(std::span(weight))}},
                     {"bn1.num_batches_tracked", {"I64", {}, std::as_bytes(std::span(count))}},
                     {"a.flags", {"U8", {3}, std::as_bytes(std::span(flags))}},
                     {"empty", {"F64", {0, 4}, {}}}},
                    {{"format", "pt"}});

  const SafetensorsFile file(folder / "a.safetensors");
  CHECK(file.metadata().at("format") == "pt");
  CHECK(file.tensors().size() == 4);
  CHECK(file.get("conv1.weight").shape == std::vector<std::int64_t>{2, 3});
  CHECK(std::memcmp(file.get("conv1.weight").bytes.data(), weight.data(), 24) == 0);
  CHECK(file.get("bn1.num_batches_tracked").elements() == 1);
  CHECK(file.get("empty").bytes.empty());
  CHECK(message_of([&] { file.get("fc.bias"); }) == folder / "a.safetensors: has no tensor fc.bias");
}

TEST_CASE("the same tensors give the same bytes", "[weights]") {
  const test::TemporaryFolder folder;
  const std::vector<float> values(100, 0.5f);
  for (const char* name : {"a", "b"})
    write_safetensors(folder / name, {{"x", {"F32", {100}, std::as_bytes(std::span(values))}}});
  CHECK(test::read_text(folder / "a") == test::read_text(folder / "b"));
}

TEST_CASE("a damaged file is refused with a sentence", "[weights]") {
  const test::TemporaryFolder folder;
  const auto refusal = [&](const std::string& contents) {
    test::write_text(folder / "x", contents);
    return message_of([&] { SafetensorsFile(folder / "x"); });
  };
  CHECK_THAT(refusal("abc"), Catch::Contains("it has 3 bytes, expected at least 8"));
  CHECK_THAT(refusal(std::string(8, '\xff')),
             Catch::Contains("its header claims 18446744073709551615 bytes, the file has 8"));
  CHECK_THAT(refusal(file_of("{\"a\":", 0)), Catch::Contains("its header is not a JSON object"));
  CHECK_THAT(refusal(file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4)),
             Catch::Contains("tensor a lies outside the file"));
  CHECK_THAT(refusal(file_of(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8)),
             Catch::Contains("tensor a has 8 bytes, its shape and type need 12"));
  CHECK_THAT(refusal(file_of(R"({"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}})", 8)),
             Catch::Contains("unknown element type 'F99'"));
  CHECK_THAT(refusal(file_of(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", 8)),
             Catch::Contains("its shape and type need -1"));
  CHECK_THAT(refusal(file_of(R"({"a":7})", 8)), Catch::Contains("tensor a has no list shape"));
}

TEST_CASE("no mutation of a valid file crashes the reader", "[weights]") {
  const test::TemporaryFolder folder;
  const std::string good = file_of(
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}})",
      11);
  KeyedRandom random{5};
  for (int i = 0; i < 2000; ++i) {
    std::string bad = good;
    for (std::int64_t n = random.uniform_int(3); n >= 0; --n)
      bad[random.uniform_int(static_cast<std::int64_t>(bad.size()))] = static_cast<char>(random());
    if (random.uniform_int(4) == 0) bad.resize(random.uniform_int(static_cast<std::int64_t>(bad.size())));
    test::write_text(folder / "x", bad);
    message_of([&] { SafetensorsFile(folder / "x"); });
  }
}

}  // namespace
}  // namespace mosaic
