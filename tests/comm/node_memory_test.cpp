#include "base/error.h"
#include "catch.h"
#include "comm/mpi_node_memory.h"
#include "comm/mpi_session.h"
#include "support.h"

namespace mosaic {
namespace {

std::vector<std::byte> bytes_of(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::string text_of(const SharedBytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.get().data()), bytes.get().size()};
}

TEST_CASE("what one rank makes all ranks of its node see, and one alone makes it", "[comm][mpi]") {
  const auto memory = mpi_node_memory();
  int made = 0;
  SharedBytes kept;
  for (const std::string& text : {std::string("tables"), std::string(1 << 20, 'x'), std::string()}) {
    const SharedBytes bytes = memory->share([&] {
      ++made;
      return bytes_of(text);
    });
    CHECK((text_of(bytes) == text));
    CHECK(reinterpret_cast<std::uintptr_t>(bytes.get().data()) % 64 == 0);
    if (kept.get().empty()) kept = bytes;
  }
  CHECK(text_of(kept) == "tables");  // also when others have come and gone
  int makers = 0;
  for (const std::string& text : gather_texts(std::to_string(made))) makers += text == "3";
  CHECK(makers >= 1);
  CHECK((made == 0 || made == 3));
}

TEST_CASE("what fails in the rank that makes it fails in all of them, with the same sentence and code", "[comm][mpi]") {
  const auto memory = mpi_node_memory();
  ExitCode code = kExitDone;
  const std::string message = test::message_of([&] {
    try {
      memory->share([]() -> std::vector<std::byte> { throw Error("shard 7: damaged", kExitBadInput); });
    } catch (const Error& e) {
      code = e.exit_code();
      throw;
    }
  });
  CHECK(message == "shard 7: damaged");
  CHECK(code == kExitBadInput);
  CHECK(text_of(memory->share([] { return bytes_of("after it"); })) == "after it");
}

}  // namespace
}  // namespace mosaic
