#include "preprocess/file_digest.h"

#include <openssl/evp.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "preprocess/source_reader.h"

namespace mosaic {
namespace {

constexpr std::size_t kPiece = 1 << 20;  // bytes of a file in memory

struct FreeDigest {
  void operator()(EVP_MD* digest) const { EVP_MD_free(digest); }
};
using OpensslDigest = std::unique_ptr<EVP_MD, FreeDigest>;

/// What Python's hashlib calls `name`. None if OpenSSL cannot compute it here: it knows the names of more than its providers have.
OpensslDigest openssl_digest(std::string name) {
  if (name == "blake2b") name = "blake2b512";
  if (name == "blake2s") name = "blake2s256";
  std::replace(name.begin(), name.end(), '_', '-');  // sha3_256, sha512_256
  OpensslDigest digest(EVP_MD_fetch(nullptr, name.c_str(), nullptr));
  // Of any length one asks for (shake_128): the name alone does not say which.
  if (digest && (EVP_MD_get_flags(digest.get()) & EVP_MD_FLAG_XOF)) digest.reset();
  return digest;
}

bool is_xxhash(const std::string& name) {
  static constexpr std::array<const char*, 5> kNames = {"xxh32", "xxh64", "xxh128", "xxh3_64", "xxh3_128"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

std::string hex_of(std::span<const unsigned char> bytes) {
  std::string text;
  for (const unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

void compare(const std::string& expected, std::size_t colon, const std::string& found, const std::string& path) {
  const std::string wanted = expected.substr(colon + 1);
  if (found != wanted)
    throw Error(str(path, ": its ", expected.substr(0, colon), " is ", found, ", expected ", wanted,
                    " as index.json says: copy it again"));
}

}  // namespace

/// One of them is in use.
struct FileDigest::State {
  std::string name;
  EVP_MD_CTX* openssl = nullptr;
  XXH32_state_t* xxh32 = nullptr;
  XXH64_state_t* xxh64 = nullptr;
  XXH3_state_t* xxh3 = nullptr;

  explicit State(std::string its_name) : name(std::move(its_name)) {
    bool ready = true;
    if (name == "xxh32")
      ready = (xxh32 = XXH32_createState()) && XXH32_reset(xxh32, 0) == XXH_OK;
    else if (name == "xxh64")
      ready = (xxh64 = XXH64_createState()) && XXH64_reset(xxh64, 0) == XXH_OK;
    else if (name == "xxh3_64")
      ready = (xxh3 = XXH3_createState()) && XXH3_64bits_reset(xxh3) == XXH_OK;
    else if (is_xxhash(name))  // xxh128 is another name of xxh3_128
      ready = (xxh3 = XXH3_createState()) && XXH3_128bits_reset(xxh3) == XXH_OK;
    else
      ready = (openssl = EVP_MD_CTX_new()) && EVP_DigestInit_ex(openssl, openssl_digest(name).get(), nullptr) == 1;
    if (!ready) throw Error(str("cannot start the digest ", name));
  }
  ~State() {  // all of them take none
    EVP_MD_CTX_free(openssl);
    XXH32_freeState(xxh32);
    XXH64_freeState(xxh64);
    XXH3_freeState(xxh3);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

FileDigest::FileDigest(const std::string& name) : state_(std::make_unique<State>(name)) {}
FileDigest::~FileDigest() = default;

void FileDigest::add(std::span<const std::byte> bytes) {
  if (state_->xxh32)
    XXH32_update(state_->xxh32, bytes.data(), bytes.size());
  else if (state_->xxh64)
    XXH64_update(state_->xxh64, bytes.data(), bytes.size());
  else if (state_->xxh3 && state_->name == "xxh3_64")
    XXH3_64bits_update(state_->xxh3, bytes.data(), bytes.size());
  else if (state_->xxh3)
    XXH3_128bits_update(state_->xxh3, bytes.data(), bytes.size());
  else if (EVP_DigestUpdate(state_->openssl, bytes.data(), bytes.size()) != 1)
    throw Error(str("OpenSSL: ", state_->name, " failed"), kExitCrash);
}

std::string FileDigest::hex() {
  if (state_->xxh32) {
    XXH32_canonical_t bytes;
    XXH32_canonicalFromHash(&bytes, XXH32_digest(state_->xxh32));
    return hex_of(bytes.digest);
  }
  if (state_->xxh64 || state_->name == "xxh3_64") {
    XXH64_canonical_t bytes;
    XXH64_canonicalFromHash(&bytes, state_->xxh64 ? XXH64_digest(state_->xxh64) : XXH3_64bits_digest(state_->xxh3));
    return hex_of(bytes.digest);
  }
  if (state_->xxh3) {
    XXH128_canonical_t bytes;
    XXH128_canonicalFromHash(&bytes, XXH3_128bits_digest(state_->xxh3));
    return hex_of(bytes.digest);
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  if (EVP_DigestFinal_ex(state_->openssl, bytes.data(), &size) != 1)
    throw Error(str("OpenSSL: ", state_->name, " failed"), kExitCrash);
  return hex_of(std::span(bytes).first(size));
}

bool is_known_digest(const std::string& name) { return is_xxhash(name) || openssl_digest(name) != nullptr; }

void check_digest(const std::string& expected, std::span<const std::byte> bytes, const std::string& path) {
  const std::size_t colon = expected.find(':');
  FileDigest digest(expected.substr(0, colon));
  digest.add(bytes);
  compare(expected, colon, digest.hex(), path);
}

void check_file_digest(const std::string& expected, const std::string& path) {
  const std::size_t colon = expected.find(':');
  FileDigest digest(expected.substr(0, colon));
  const FileDescriptor file = open_to_read(path);
  const std::int64_t bytes = state_of(path).bytes;
  std::vector<std::byte> piece(kPiece);
  for (std::int64_t at = 0; at < bytes; at += static_cast<std::int64_t>(kPiece)) {
    const auto size = std::min<std::int64_t>(bytes - at, static_cast<std::int64_t>(kPiece));
    const auto now = std::span(piece).first(static_cast<std::size_t>(size));
    read_at(file, at, now, path);
    digest.add(now);
  }
  compare(expected, colon, digest.hex(), path);
}

}  // namespace mosaic
