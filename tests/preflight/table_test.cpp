#include "preflight/table.h"

#include "catch.h"
#include "support.h"

using namespace mosaic;

TEST_CASE("a row says what was expected if that was not found") {
  CHECK(row_text({.name = "reading", .found = "12 images/s", .expected = "14"}) ==
        "ok    reading                 12 images/s\n");
  CHECK(row_text({.name = "reading", .found = "12 images/s", .expected = "14", .verdict = Verdict::kWarning}) ==
        "warn  reading                 12 images/s\n"
        "                              expected: 14\n");
}

TEST_CASE("a table ends well unless a row is bad; 3 where starting again cannot help") {
  Table table(false);
  table.add({.name = "time", .found = "long", .verdict = Verdict::kWarning});
  CHECK_NOTHROW(table.finish());

  table.add({.name = "all-reduce", .found = "wrong", .verdict = Verdict::kBad, .exit_code = kExitCrash});
  CHECK(test::message_of([&] { table.finish(); }) == "--check: not ready to run: all-reduce");
  const auto code = [&] {
    try {
      table.finish();
    } catch (const Error& e) {
      return e.exit_code();
    }
    return kExitDone;
  };
  CHECK(code() == kExitCrash);
  CHECK_FALSE(table.passes("shards", [] { throw Error("no shards"); }));
  CHECK(code() == kExitBadInput);
  CHECK(test::message_of([&] { table.finish(); }) == "--check: not ready to run: all-reduce, shards");
}

TEST_CASE("too little GPU memory is a matter of the configuration") {
  Table table(false);
  CHECK_FALSE(
      table.passes("training step", [] { throw Error("CUDA out of memory. Tried to allocate\nstack", kExitCrash); }));
  try {
    table.finish();
    FAIL("the table has a bad row");
  } catch (const Error& e) {
    CHECK(e.exit_code() == kExitBadInput);
  }
}
