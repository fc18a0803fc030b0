#include "base/duration.h"

#include "base/error.h"
#include "catch.h"
#include "support.h"

namespace mosaic {
namespace {

TEST_CASE("time strings are read, refused and written as the reference does", "[base][golden]") {
  const auto golden = test::golden_json("optim.json");
  if (!golden) return;
  for (const auto& item : golden->at("time").at("parse")) {
    const std::string text = item.at("text");
    INFO("text \"" << text << "\"");
    if (item.contains("error")) {
      CHECK_THROWS_AS(Duration::parse(text), Error);
      continue;
    }
    const Duration duration = Duration::parse(text);
    CHECK(duration.value == item.at("value").get<double>());
    CHECK(duration.text() == item.at("string").get<std::string>());
    CHECK(duration.text().ends_with(item.at("unit").get<std::string>()));
    CHECK(Duration::parse(duration.text()) == duration);
  }
}

TEST_CASE("products and quotients of times are cut to whole numbers as in the reference", "[base][golden]") {
  const auto golden = test::golden_json("optim.json");
  if (!golden) return;
  for (const auto& item : golden->at("time").at("arithmetic")) {
    const Duration a = Duration::parse(item.at("a").get<std::string>());
    const double b = item.at("b");
    INFO(a.text() << " " << item.at("op") << " " << b);
    const Duration result = item.at("op") == "mul" ? a * b : a / b;
    CHECK(result.text() == item.at("result").get<std::string>());
  }
}

TEST_CASE("a time has a finite number, whole but for fractions of the run, and a unit", "[base]") {
  CHECK(Duration::parse("1E4BA") == Duration{10000, TimeUnit::kBatch});
  CHECK(Duration::parse("7tok") == Duration{7, TimeUnit::kToken});
  CHECK(Duration::parse("25e-2dur") == Duration{0.25, TimeUnit::kDuration});
  for (const char* text :
       {"infep", "nandur", "1e999ba", "1e16ba", ".ep", "-ep", "--1ep", "1ep2", "1epp", "e1ep", "1sec"}) {
    INFO("text " << text);
    CHECK_FALSE(Duration::try_parse(text));
    CHECK_THROWS_AS(Duration::parse(text), Error);
  }
  CHECK(test::message_of([] { Duration::parse("1.5ep"); }) ==
        "got \"1.5ep\", expected a number and a unit, such as 90ep: a whole number of ep (epochs), ba (batches), sp "
        "(samples) or tok (tokens), or a fraction of the run in dur");
}

TEST_CASE("a written time reads back as the same time", "[base]") {
  for (const double value : {0.0, 0.1, 1.0 / 3, 1e-12, 1e15, 9007199254740992.0}) {
    const Duration fraction{value, TimeUnit::kDuration};
    CHECK(Duration::parse(fraction.text()) == fraction);
  }
  CHECK(Duration{9007199254740992.0, TimeUnit::kSample}.text() == "9007199254740992sp");
  CHECK((Duration{0.5, TimeUnit::kDuration} * 0.5).text() == "0.25dur");  // not cut
}

}  // namespace
}  // namespace mosaic
