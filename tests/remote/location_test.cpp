#include "remote/location.h"

#include <map>

#include "base/url.h"
#include "catch.h"
#include "support.h"

namespace mosaic {
namespace {

/// The access that these variables give.
S3Access access_of(const std::map<std::string, std::string>& variables) {
  return find_s3_access([&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST_CASE("a path is remote by its scheme only", "[remote]") {
  CHECK(is_remote("s3://bucket/a"));
  CHECK(is_remote("http://host/a"));
  CHECK(!is_remote("gs://bucket/a"));
  CHECK(!is_remote("/data/s3://bucket"));
  CHECK(!is_remote("data"));
}

TEST_CASE("locations give the URLs of their objects", "[remote]") {
  const auto url = [](const char* location, const S3Access& access = {}) {
    return url_of(parse_location(location), access, "train-00000.h5");
  };
  CHECK(url("s3://sets/image net/v1/") == "https://sets.s3.us-east-1.amazonaws.com/image%20net/v1/train-00000.h5");
  CHECK(url("s3://sets") == "https://sets.s3.us-east-1.amazonaws.com/train-00000.h5");
  CHECK(url("s3://my.sets/a", {.region = "cn-north-1"}) ==
        "https://s3.cn-north-1.amazonaws.com.cn/my.sets/a/train-00000.h5");
  CHECK(url("s3://sets/a", {.endpoint = "http://minio:9000"}) == "http://minio:9000/sets/a/train-00000.h5");
  CHECK(url("https://host/a%20b//") == "https://host/a%20b/train-00000.h5");
}

TEST_CASE("a location that is none is refused with what is expected", "[remote]") {
  const auto refused = [](const char* text) { return test::message_of([&] { parse_location(text); }); };
  CHECK_THAT(refused("s3://"), Catch::Contains("expected s3://BUCKET/PREFIX"));
  CHECK_THAT(refused("gs://bucket/a"), Catch::Contains("expected s3://BUCKET/PREFIX"));
  CHECK_THAT(refused("https://me:word@host/a"), Catch::Contains("~/.netrc") && !Catch::Contains("word@"));
  CHECK_THAT(refused("https://host/a?token=1"), Catch::Contains("without ? and #"));
}

TEST_CASE("credentials come from the environment, then from the profile in both files", "[remote]") {
  const test::TemporaryFolder home;
  test::write_text(home / "credentials",
                   "# mine\n[default]\naws_access_key_id = DEFAULT\naws_secret_access_key=one=\n\n"
                   "[lab]\naws_access_key_id=LAB\naws_secret_access_key = two\naws_session_token = three\n");
  test::write_text(home / "config",
                   "[default]\nregion = eu-west-1\n[profile lab]\nregion=eu-north-1\nendpoint_url = http://lab:9000/\n"
                   "s3 =\n  region = nested\n[profile half]\naws_access_key_id = HALF\n");
  std::map<std::string, std::string> variables{{"AWS_SHARED_CREDENTIALS_FILE", home / "credentials"},
                                               {"AWS_CONFIG_FILE", home / "config"}};
  SECTION("the default profile") {
    const S3Access access = access_of(variables);
    CHECK(access.key_id == "DEFAULT");
    CHECK(access.secret == "one=");
    CHECK(access.session_token.empty());
    CHECK(access.region == "eu-west-1");
  }
  SECTION("another profile") {
    variables["AWS_PROFILE"] = "lab";
    const S3Access access = access_of(variables);
    CHECK(access.key_id == "LAB");
    CHECK(access.session_token == "three");
    CHECK(access.region == "eu-north-1");
    CHECK(access.endpoint == "http://lab:9000");
  }
  SECTION("the environment wins, and its key takes no token of the file") {
    variables.insert({{"AWS_PROFILE", "lab"},
                      {"AWS_ACCESS_KEY_ID", "MINE"},
                      {"AWS_SECRET_ACCESS_KEY", "four"},
                      {"AWS_DEFAULT_REGION", "us-west-2"},
                      {"AWS_ENDPOINT_URL", "http://b"},
                      {"AWS_ENDPOINT_URL_S3", "http://a"}});
    const S3Access access = access_of(variables);
    CHECK(access.key_id == "MINE");
    CHECK(access.secret == "four");
    CHECK(access.session_token.empty());
    CHECK(access.region == "us-west-2");
    CHECK(access.endpoint == "http://a");
  }
  SECTION("none at all: not signed") {
    const S3Access access = access_of({{"HOME", home.path()}});
    CHECK(access.key_id.empty());
    CHECK(access.region == "us-east-1");
  }
  SECTION("half of a pair, and a profile that is nowhere") {
    variables["AWS_PROFILE"] = "half";
    CHECK_THAT(test::message_of([&] { access_of(variables); }), Catch::Contains("without its secret"));
    variables["AWS_PROFILE"] = "none";
    CHECK_THAT(test::message_of([&] { access_of(variables); }), Catch::Contains("AWS_PROFILE: got none"));
  }
}

}  // namespace
}  // namespace mosaic
