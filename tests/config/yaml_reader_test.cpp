#include "config/yaml_reader.h"

#include "base/error.h"
#include "catch.h"
#include "config/overrides.h"
#include "support.h"

namespace mosaic {
namespace {

Value read(const std::string& text) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "a.yaml", text);
  return read_yaml_file(folder / "a.yaml");
}

// The message of reading `text`, from the file's name on.
std::string error_of(const std::string& text) {
  const std::string message = test::message_of([&] { read(text); });
  return message.substr(std::min(message.find("a.yaml"), message.size()));
}

std::string overrides_error(const std::string& argument) {
  return test::message_of([&] { read_overrides({argument}); });
}

TEST_CASE("a value knows its kind and the line of its key", "[config]") {
  const Value root = read("a: 1\n\nb:\n  c: 'x'\n  d: [~, \"2\"]\ne: !!str 3\nf:\ng: |\n  text\n");
  CHECK(root.find("a")->kind == Value::Kind::kPlain);
  CHECK(root.find("a")->origin.place.ends_with("a.yaml:1"));
  CHECK(root.find("b")->origin.place.ends_with("a.yaml:3"));
  CHECK(root.find("b")->find("c")->kind == Value::Kind::kQuoted);
  CHECK(root.find("b")->find("d")->list.at(0).is_null());
  CHECK(root.find("b")->find("d")->list.at(1).kind == Value::Kind::kQuoted);
  CHECK(root.find("e")->kind == Value::Kind::kQuoted);
  CHECK(root.find("f")->is_null());
  CHECK(root.find("g")->text == "text\n");
  CHECK(root.find("h") == nullptr);
}

TEST_CASE("text that is not YAML is refused with line and column", "[config]") {
  CHECK(error_of("a: b: c\n") == "a.yaml:1:5: this is not YAML: illegal map value");
  for (const std::string text : {"a: [1, 2\n", "a: {b: 1", "a: 'x\nb: 1\n", "a: \"x\n", "a: \"", "a: 1\n\tb: 2\n",
                                 "a: 1\n  b: 2\n", "a: @x\n", "a: 1\n}\n", "a: [1}\n", "a: 1\n- b\n"}) {
    INFO(text);
    CHECK(error_of(text).find(": this is not YAML: ") != std::string::npos);
  }
  CHECK(error_of(std::string("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16)).find("a.yaml:") == 0);
  CHECK(error_of(std::string(100000, '[')).find("a.yaml:") == 0);
}

TEST_CASE("a key that is given twice is refused with both lines", "[config]") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "b.yaml";
  test::write_text(path, "m:\n  x: 1\n  x:\n    y: 2\n");
  CHECK(test::message_of([&] { read_yaml_file(path); }) ==
        path + ":3: m.x: this key is given twice, first at " + path + ":2: keep one");
}

TEST_CASE("YAML that would mean something behind the reader's back is refused", "[config]") {
  CHECK(error_of("a:\n  b: runs/${seed}\n") ==
        "a.yaml:2: a.b: got runs/${seed}, but ${...} is not replaced here: write the value itself");
  CHECK(error_of("a: &x 1\nb: *x\n") ==
        "a.yaml:2: b: got an alias (*name), expected the value itself: settings are not shared by name");
  CHECK(error_of("a: !!int 1\n") == "a.yaml:1: a: got the tag tag:yaml.org,2002:int, expected a value without a tag");
  CHECK(error_of("a: 1\n---\nb: 2\n") ==
        "a.yaml:2: got more text after the end of the YAML document, expected one document");
  CHECK(error_of("? [a, b]\n: 1\n") == "a.yaml:1: got a list or a map as a key, expected a word: is a ] or } missing?");
  CHECK(error_of("x: {~: 1}\n") == "a.yaml:1: x: a key is missing before the colon");
}

TEST_CASE("an argument of the command line is a path of keys, '=' and a YAML value", "[config]") {
  const Value all = read_overrides({"a.b.c=[1, {d: 2}]", "a[x.y]=z", "a[x.y].w=1", "[p.q][r]=", "a.b=5", "s=1=2"});

  CHECK(to_yaml(all) == "a:\n  b: 5\n  x.y:\n    w: 1\np.q:\n  r: null\ns: 1=2\n");
  CHECK(all.find("a")->find("b")->origin.place == "command line");
  CHECK(all.find("a")->find("b")->origin.layer == Layer::kCommandLine);
}

TEST_CASE("an argument that is no KEY=VALUE is refused", "[config]") {
  const std::string form = "; expected a.b, or a[b.c] for a key with dots";
  CHECK(overrides_error("resume") == "command line: got \"resume\", expected KEY=VALUE, such as max_duration=10ep");
  CHECK(overrides_error("=3") == "command line: got the key \"\", in which a part is empty" + form);
  CHECK(overrides_error("a..b=3") == "command line: got the key \"a..b\", in which a part is empty" + form);
  CHECK(overrides_error("a.=3") == "command line: got the key \"a.\", in which a part is empty" + form);
  CHECK(overrides_error("a[]=3") == "command line: got the key \"a[]\", in which a part is empty" + form);
  CHECK(overrides_error("a[b=3") == "command line: got the key \"a[b\", which lacks a ]" + form);
  CHECK(overrides_error("a[b]c=3") == "command line: got the key \"a[b]c\", which goes on after a ]" + form);
  CHECK(overrides_error("a.b=[1,2") ==
        "command line: a.b: got a list or a map as a key, expected a word: is a ] or } missing?");
  CHECK(overrides_error("a.b='x") == "command line: a.b: got 'x, which is not YAML: illegal EOF in scalar");
  CHECK(overrides_error("a={b: 1, b: 2}") == "command line: a.b: this key is given twice: keep one");
  CHECK(overrides_error("a={b: '${x}'}") ==
        "command line: a.b: got ${x}, but ${...} is not replaced here: write the value itself");
}

}  // namespace
}  // namespace mosaic
