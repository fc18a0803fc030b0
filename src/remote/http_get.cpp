#include "remote/http_get.h"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/url.h"
#include "remote/http_answer.h"

namespace mosaic {
namespace {

constexpr long kBufferBytes = 512L << 10;
constexpr double kQuietWait = 4;  // seconds; longer ones are told
constexpr char kHashOfNothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";  // SHA-256

/// A handle of libcurl, which has the connection.
class Curl {
 public:
  Curl() {
    static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (started == CURLE_OK) handle_ = curl_easy_init();
    if (!handle_) throw Error("libcurl cannot be started", kExitCrash);
  }
  ~Curl() { curl_easy_cleanup(handle_); }
  Curl(const Curl&) = delete;
  Curl& operator=(const Curl&) = delete;
  CURL* get() const { return handle_; }

 private:
  CURL* handle_ = nullptr;
};

/// Headers of a request.
class HeaderList {
 public:
  HeaderList() = default;
  ~HeaderList() { curl_slist_free_all(list_); }
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  void add(const std::string& line) { list_ = curl_slist_append(list_, line.c_str()); }
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* answer) {
  static_cast<HttpAnswer*>(answer)->add_header({bytes, size * count});
  return size * count;
}

std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* answer) {
  const auto piece = std::as_bytes(std::span(bytes, size * count));
  return static_cast<HttpAnswer*>(answer)->add_body(piece) ? piece.size() : 0;
}

int on_progress(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return *static_cast<const std::atomic<bool>*>(stop) ? 1 : 0;
}

bool may_pass(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return true;
    default:
      return false;
  }
}

bool may_pass(int status) {
  return status == 408 || status == 425 || status == 429 || (status >= 500 && status != 501 && status != 505);
}

/// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
bool is_session_over(const HttpAnswer& answer) {
  const std::string code = answer.error_code();
  return code == "ExpiredToken" || code == "InvalidToken" || code == "TokenRefreshRequired";
}

/// S3 answers 400, not 403, where the session of temporary credentials is over.
bool is_access_refused(const HttpAnswer& answer) {
  const int status = answer.status();
  return status == 401 || status == 403 || (status == 400 && is_session_over(answer));
}

/// The pauses between tries that bring nothing.
class Waits {
 public:
  explicit Waits(const HttpPatience& patience) : patience_(patience) { reset(); }
  void reset() {
    next_ = patience_.first_wait;
    began_ = std::chrono::steady_clock::now();
  }
  bool over() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count() + next_ > patience_.give_up;
  }
  /// @param least  seconds that the server has asked for
  double take(double least) {
    const double chosen = next_ * std::uniform_real_distribution<double>(0.5, 1)(random_);
    next_ = std::min(next_ * 2, patience_.longest_wait);
    return std::max(chosen, std::min(least, patience_.longest_wait));
  }

 private:
  const HttpPatience& patience_;
  std::minstd_rand random_{std::random_device()()};
  double next_ = 0;
  std::chrono::steady_clock::time_point began_;
};

void sleep_unless(const std::atomic<bool>& stop, double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!stop && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

}  // namespace

struct HttpGet::State {
  Location location;
  HttpPatience patience;
  Curl curl;
  std::string url;  // of the request that is being made
  char reason[CURL_ERROR_SIZE] = {};

  State(Location l, HttpPatience p) : location(std::move(l)), patience(p) {
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PATH_AS_IS, 1L);  // keys of S3 may have /../ in them
    set(CURLOPT_BUFFERSIZE, kBufferBytes);
    set(CURLOPT_HTTP_VERSION,
        static_cast<long>(CURL_HTTP_VERSION_1_1));  // connections side by side are the faster ones
    set(CURLOPT_USERAGENT, "mosaic_resnet");
    set(CURLOPT_ERRORBUFFER, static_cast<char*>(reason));
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(patience.connect * 1000));
    set(CURLOPT_LOW_SPEED_LIMIT, 1000L);
    set(CURLOPT_LOW_SPEED_TIME, std::max(1L, static_cast<long>(patience.slow)));
    set(CURLOPT_HEADERFUNCTION, on_header);
    set(CURLOPT_WRITEFUNCTION, on_body);
    set(CURLOPT_XFERINFOFUNCTION, on_progress);
    set(CURLOPT_NOPROGRESS, 0L);
    if (location.is_s3) return;  // S3 redirects to other regions, for which the signature would be wrong
    set(CURLOPT_FOLLOWLOCATION, 1L);
    set(CURLOPT_MAXREDIRS, 5L);
    set(CURLOPT_REDIR_PROTOCOLS_STR, url_scheme(location.text) == "https" ? "https" : "http,https");
    set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_OPTIONAL));
  }

  template <class Value>
  void set(CURLoption option, Value value) {
    if (const CURLcode code = curl_easy_setopt(curl.get(), option, value); code != CURLE_OK)
      throw Error(str("libcurl (", curl_version(), ") refuses a setting: ", curl_easy_strerror(code),
                      ": expected version 7.87 or newer, with HTTPS"));
  }

  /// Also sends what is signed.
  void sign(const S3Access& access, HeaderList& headers) {
    headers.add(str("x-amz-content-sha256: ", kHashOfNothing));  // S3 wants it; not every libcurl sends one
    if (!access.session_token.empty()) headers.add("x-amz-security-token: " + access.session_token);
    set(CURLOPT_AWS_SIGV4, str("aws:amz:", access.region, ":s3").c_str());
    set(CURLOPT_USERNAME, access.key_id.c_str());
    set(CURLOPT_PASSWORD, access.secret.c_str());
  }

  /// One request for what is wanted.
  CURLcode ask(const std::string& name, const Wanted& wanted, HttpAnswer& answer, const std::atomic<bool>& stop) {
    const S3Access access = location.is_s3 ? find_s3_access() : S3Access{};
    HeaderList headers;
    url = url_of(location, access, name);
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_RANGE, str(wanted.next, '-', wanted.end - 1).c_str());
    set(CURLOPT_HEADERDATA, &answer);
    set(CURLOPT_WRITEDATA, &answer);
    set(CURLOPT_XFERINFODATA, &stop);
    if (!access.key_id.empty()) sign(access, headers);
    set(CURLOPT_HTTPHEADER, headers.get());
    reason[0] = '\0';
    const CURLcode code = curl_easy_perform(curl.get());
    set(CURLOPT_HTTPHEADER, static_cast<curl_slist*>(nullptr));
    return code;
  }

  /// What to do about an answer that is no part of the object.
  std::string advice(const HttpAnswer& answer) const {
    const int status = answer.status();
    if (!answer.bucket_region().empty() && (status == 301 || status == 307 || status == 400))
      return str(": the bucket is in ", answer.bucket_region(), ": set AWS_REGION to that");
    if (is_session_over(answer))
      return ": renew the temporary credentials: AWS_SESSION_TOKEN with its key and secret, or those of the profile";
    if (status == 401) return ": put the user and password into ~/.netrc";
    if (status == 403 && location.is_s3)
      return ": set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, to a user who may do s3:GetObject "
             "there "
             "(without s3:ListBucket, a key that is not there gives this answer, too)";
    if (status == 403) return ": the server does not let this machine read it";
    if (status == 404) return ": expected the folder that `preprocess pack` has written, copied there with these names";
    if (status == 416) return ": it has fewer bytes than expected: copy it there again";
    return "";
  }

  [[noreturn]] void fail(CURLcode code, const HttpAnswer& answer) const {
    const std::string what = answer.message(), said = what.empty() ? "" : str(" (", what, ")");
    if (is_access_refused(answer))
      throw AccessRefused(str(url, ": the server answers ", answer.status(), said, advice(answer)));
    if (answer.status() >= 300)
      throw Error(str(url, ": the server answers ", answer.status(), said, advice(answer)),
                  may_pass(answer.status()) ? kExitCrash : kExitBadInput);
    throw Error(str(url, ": ", reason[0] ? reason : curl_easy_strerror(code)),
                may_pass(code) ? kExitCrash : kExitBadInput);
  }

  double retry_after() const {
    curl_off_t seconds = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RETRY_AFTER, &seconds);
    return static_cast<double>(seconds);
  }

  void wait(Waits& waits, CURLcode code, const HttpAnswer& answer, const std::atomic<bool>& stop) const {
    if (waits.over()) fail(code, answer);
    const double seconds = waits.take(retry_after());
    const std::string fault = answer.status() >= 300 ? str("the server answers ", answer.status())
                                                     : str(reason[0] ? reason : curl_easy_strerror(code));
    const std::string line = str(url, ": ", fault, ": tried again in ", seconds, " s");
    seconds > kQuietWait ? log_warning(line) : log_debug(line);
    sleep_unless(stop, seconds);
  }
};

HttpGet::HttpGet(Location location, HttpPatience patience)
    : state_(std::make_unique<State>(std::move(location), patience)) {}
HttpGet::~HttpGet() = default;
const Location& HttpGet::location() const { return state_->location; }

ObjectVersion HttpGet::read(const std::string& name, std::uint64_t begin, std::uint64_t end, const Sink& sink,
                            const ObjectVersion* expected, const std::atomic<bool>& stop) {
  State& s = *state_;
  Wanted wanted{.next = begin, .end = end, .expected = expected, .sink = &sink};
  Waits waits(s.patience);
  while (true) {
    if (stop) throw HttpStopped();
    HttpAnswer answer(wanted);
    const std::uint64_t before = wanted.next;
    const CURLcode code = s.ask(name, wanted, answer, stop);
    if (stop) throw HttpStopped();
    if (answer.failure()) {
      try {
        std::rethrow_exception(answer.failure());
      } catch (const Error& e) {
        throw Error(str(s.url, ": ", e.what()), e.exit_code());
      }
    }
    if (answer.is_of_another_version())
      throw ObjectChanged(str(s.url, ": it was changed on the server: got ", answer.version().size, " bytes, tag ",
                              answer.version().tag, ", expected ", expected->size, " bytes, tag ", expected->tag,
                              ": start again to train on what is there now"));
    const bool has_answered = answer.status() == 200 || answer.status() == 206;
    if (has_answered && wanted.next >= wanted.end) return answer.version();
    if (wanted.next > before) waits.reset();
    // A whole answer that is shorter than what was asked for is asked for the rest at once.
    if (code == CURLE_OK && has_answered && wanted.next > before) continue;
    if (!may_pass(code) && !may_pass(answer.status()) && !(code == CURLE_OK && has_answered)) s.fail(code, answer);
    s.wait(waits, code, answer, stop);
  }
}

}  // namespace mosaic
