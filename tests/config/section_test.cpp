#include "config/section.h"

#include "base/error.h"
#include "catch.h"
#include "support.h"

namespace mosaic {
namespace {

Value plain(const std::string& text, const std::string& place, Layer layer = Layer::kFile) {
  return {.kind = Value::Kind::kPlain, .text = text, .origin = {layer, place}};
}

Value map_of(std::vector<Entry> entries, const std::string& place) {
  return {.kind = Value::Kind::kMap, .map = std::move(entries), .origin = {Layer::kFile, place}};
}

// A technique as a recipe would configure it: its section may be absent, and one range depends on another key.
struct Ramp {
  double delay = 0.4;
  double finetune = 0.2;
  bool operator==(const Ramp&) const = default;
};

void read(Section in, Ramp& c) {
  in.read("delay", c.delay, "a number in [0, 1)", [](double x) { return 0 <= x && x < 1; });
  in.read("finetune", c.finetune, "a number in [0, 1 - delay)", [&](double x) { return 0 <= x && c.delay + x < 1; });
  in.reject_unknown_keys();
}

TEST_CASE("a default that other keys make impossible is refused", "[config]") {
  const Value root = map_of({{"ramp", map_of({{"delay", plain("0.9", "f:3")}}, "f:2")}}, "f");
  Value resolved = map_of({}, "");
  Ramp ramp;
  CHECK(test::message_of([&] { read(Section(root, resolved).section("ramp"), ramp); }) ==
        "f:2: ramp.finetune: not given, and the default 0.2 does not fit, expected a number in [0, 1 - delay)");
}

TEST_CASE("an optional section is there, or off: left out, or null", "[config]") {
  for (const bool null : {false, true}) {
    const Value root = null ? map_of({{"ramp", Value{}}}, "f") : map_of({}, "f");
    Value resolved = map_of({}, "");
    Section in(root, resolved);
    CHECK_FALSE(in.optional_section("ramp"));
    CHECK_NOTHROW(in.reject_unknown_keys());
    CHECK(to_yaml(resolved) == "ramp: null\n");
  }

  const Value root = map_of({{"ramp", map_of({{"delay", plain("0.5", "f:3")}}, "f:2")}}, "f");
  Value resolved = map_of({}, "");
  Section in(root, resolved);
  const auto section = in.optional_section("ramp");
  REQUIRE(section);
  Ramp ramp;
  read(*section, ramp);
  CHECK_NOTHROW(in.reject_unknown_keys());
  CHECK(ramp == Ramp{0.5, 0.2});
  CHECK(to_yaml(resolved) == "ramp:\n  delay: 0.5\n  finetune: 0.2\n");

  const Value wrong = map_of({{"ramp", plain("true", "f:2")}}, "f");
  Section in_wrong(wrong, resolved);
  CHECK(test::message_of([&] { in_wrong.optional_section("ramp"); }) ==
        "f:2: ramp: got true, expected a map of settings");
}

TEST_CASE("later layers go over earlier ones, and what was replaced is kept", "[config]") {
  Value settings =
      map_of({{"model", map_of({{"crop", plain("224", "f:2")}, {"loss", plain("ce", "f:3")}}, "f:1")}}, "f");
  const std::vector<std::string> crop{"model", "crop"}, loss{"model", "loss"}, model{"model"};

  merge(settings, nested(crop, plain("176", "f:9", Layer::kRecipe)));
  merge(settings, nested(loss, plain("bce", "f:10", Layer::kRecipe)));
  merge(settings, nested(crop, plain("160", "command line", Layer::kCommandLine)));

  const Value& result = *settings.find("model")->find("crop");
  CHECK(result.text == "160");
  CHECK(result.origin.place == "command line");
  REQUIRE(result.replaced.size() == 2);
  CHECK(result.replaced[0].text == "224");
  CHECK(result.replaced[1].origin.layer == Layer::kRecipe);
  CHECK(result.replaced[1].origin.place == "f:9");
  CHECK(settings.find("model")->find("loss")->origin.layer == Layer::kRecipe);

  merge(settings, nested(model, Value{}));
  CHECK(settings.find("model")->is_null());  // null replaces a whole map
}

TEST_CASE("numbers are those of YAML 1.2, not 1.1", "[config]") {
  std::int64_t i = 0;
  double d = 0;
  for (const auto& [text, number] :
       std::vector<std::pair<std::string, std::int64_t>>{{"0", 0},
                                                         {"-12", -12},
                                                         {"+3", 3},
                                                         {"017", 17},
                                                         {"0o17", 15},
                                                         {"0x1F", 31},
                                                         {"9223372036854775807", INT64_MAX}}) {
    INFO(text);
    CHECK(convert(plain(text, ""), i));
    CHECK(i == number);
    CHECK(convert(plain(text, ""), d));
    CHECK(d == static_cast<double>(number));
  }
  for (const char* text :
       {"", "-", "1:30", "0b1", "1_0", "1e3", "1.0", "0o8", "0x", "-0x1", "9223372036854775808", "+-1", " 1"}) {
    INFO(text);
    CHECK_FALSE(convert(plain(text, ""), i));
  }
  for (const auto& [text, number] : std::vector<std::pair<std::string, double>>{{".5", .5},
                                                                                {"1.", 1},
                                                                                {"1e3", 1000},
                                                                                {"-.5e+3", -500},
                                                                                {"+1.25E-2", .0125},
                                                                                {"9223372036854775808", 0x1p63}}) {
    INFO(text);
    CHECK(convert(plain(text, ""), d));
    CHECK(d == number);
  }
  for (const char* text :
       {".", "e3", "1e", "1e+", ".e1", "1.2.3", ".inf", ".nan", "inf", "nan", "1e999", "1,5", "1 2"}) {
    INFO(text);
    CHECK_FALSE(convert(plain(text, ""), d));
  }
}

TEST_CASE("true and false are the only booleans", "[config]") {
  bool b = false;
  for (const char* text : {"true", "True", "TRUE"}) CHECK((convert(plain(text, ""), b) && b));
  for (const char* text : {"false", "False", "FALSE"}) CHECK((convert(plain(text, ""), b) && !b));
  for (const char* text : {"yes", "no", "on", "off", "y", "n", "1", "0", "tRUE"})
    CHECK_FALSE(convert(plain(text, ""), b));
}

}  // namespace
}  // namespace mosaic
