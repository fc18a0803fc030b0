#pragma once

#include <functional>
#include <string>

namespace mosaic {

/// How S3 is asked: by whom, and which servers.
struct S3Access {
  std::string key_id, secret;  // both empty: requests are not signed, as public buckets allow
  std::string session_token;   // of temporary credentials; else empty
  std::string region = "us-east-1";
  std::string endpoint;  // "https://minio.cluster:9000"; empty: Amazon's
};

/// The value of a variable of the environment; nullptr if there is none.
using Environment = std::function<const char*(const char*)>;

/// What Amazon's own tools would find in the environment and in the files of the user:
/// - AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, else those of the profile AWS_PROFILE ("default") in
///   ~/.aws/credentials or ~/.aws/config (AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE);
/// - AWS_REGION or AWS_DEFAULT_REGION, else `region` of the profile;
/// - AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, else `endpoint_url` of the profile.
/// Not: roles of machines and containers, single sign-on, credential_process; `aws configure export-credentials` makes variables of these.
/// @throws Error if AWS_PROFILE is in neither file, or a key has no secret
S3Access find_s3_access(const Environment& environment);
S3Access find_s3_access();  // of this process

}  // namespace mosaic
