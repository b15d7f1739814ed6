"""A private site at its distribution, asked as a browser asks: what the policies allow, from either region."""

import time

import pytest
from browsing import ask
from deploying import att, deploy, ref, resource, sub
from making import PRIMARY
from policies import ROOT, allow, document, service

from sandbox.server import ACCOUNT

FIRST, SECOND = "eu-west-1", "eu-central-1"
CSP = (
    "default-src 'none'; connect-src 'self' https://*.execute-api.eu-west-1.amazonaws.com; "
    "script-src 'self'; frame-ancestors 'none'"
)


def decrypts(distribution):
    condition = {"ArnLike": {"aws:SourceArn": distribution}}
    return allow("kms:Decrypt", Principal=service("cloudfront"), Condition=condition)


def bucket(name, region, distribution, *, key=True):
    """A bucket that a distribution may read; its key that it may use."""
    root = allow("kms:*", Principal=ROOT)
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": att("Key")}
    bucket_name = f"{name}-{region}"
    reads = allow(
        "s3:GetObject",
        f"arn:aws:s3:::{bucket_name}/*",
        Principal=service("cloudfront"),
        Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}, "ArnLike": {"aws:SourceArn": distribution}},
    )
    tls = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": f"arn:aws:s3:::{bucket_name}/*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {
        "Key": resource("KMS::Key", KeyPolicy=document(root, *([decrypts(distribution)] if key else []))),
        "Bucket": resource(
            "S3::Bucket",
            BucketName=bucket_name,
            BucketEncryption={
                "ServerSideEncryptionConfiguration": [
                    {"BucketKeyEnabled": True, "ServerSideEncryptionByDefault": default}
                ]
            },
        ),
        "Policy": resource("S3::BucketPolicy", Bucket=ref("Bucket"), PolicyDocument=document(tls, reads)),
    }


def origin(name, region):
    return {
        "Id": region,
        "DomainName": f"{name}-{region}.s3.{region}.amazonaws.com",
        "OriginAccessControlId": ref("Control"),
        "S3OriginConfig": {},
    }


def distribution(name):
    behaviour = {
        "TargetOriginId": "both",
        "ViewerProtocolPolicy": "redirect-to-https",
        "AllowedMethods": ["GET", "HEAD"],
        "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        "ResponseHeadersPolicyId": ref("Headers"),
    }
    return {
        "Control": resource(
            "CloudFront::OriginAccessControl",
            OriginAccessControlConfig={
                "Name": name,
                "OriginAccessControlOriginType": "s3",
                "SigningBehavior": "always",
                "SigningProtocol": "sigv4",
            },
        ),
        "Headers": resource(
            "CloudFront::ResponseHeadersPolicy",
            ResponseHeadersPolicyConfig={
                "Name": name,
                "SecurityHeadersConfig": {
                    "ContentSecurityPolicy": {"ContentSecurityPolicy": CSP, "Override": True},
                    "FrameOptions": {"FrameOption": "DENY", "Override": True},
                    "ContentTypeOptions": {"Override": True},
                },
            },
        ),
        "Distribution": resource(
            "CloudFront::Distribution",
            DistributionConfig={
                "Enabled": True,
                "DefaultRootObject": "index.html",
                "Origins": [origin(name, FIRST), origin(name, SECOND)],
                "OriginGroups": {
                    "Quantity": 1,
                    "Items": [
                        {
                            "Id": "both",
                            "FailoverCriteria": {"StatusCodes": {"Quantity": 2, "Items": [500, 503]}},
                            "Members": {"Quantity": 2, "Items": [{"OriginId": FIRST}, {"OriginId": SECOND}]},
                        }
                    ],
                },
                "DefaultCacheBehavior": behaviour,
                "CustomErrorResponses": [
                    {"ErrorCode": 403, "ResponseCode": 404, "ResponsePagePath": "/error.html"},
                ],
            },
        ),
    }


@pytest.fixture(scope="module")
def site(engine):
    name = f"site{int(time.time() * 1000)}"
    any_distribution = f"arn:aws:cloudfront::{ACCOUNT}:distribution/*"
    for region in (FIRST, SECOND):
        deploy(engine, f"{name}-bucket", bucket(name, region, any_distribution), region)
        for key, kind in (("index.html", "text/html"), ("app.js", "text/javascript"), ("error.html", "text/html")):
            engine.client("s3", region).put_object(
                Bucket=f"{name}-{region}", Key=key, Body=f"{key} of {region}".encode(), ContentType=kind
            )
    outputs = {"Domain": att("Distribution", "DomainName"), "Arn": sub("${Distribution}")}
    found = deploy(engine, name, distribution(name), PRIMARY, outputs=outputs)
    label = found["Domain"].removesuffix(".cloudfront.net")
    return {"Name": name, "Host": f"{label}.cloudfront.localhost:{engine.port}"}


@pytest.fixture
def get(aws, site):
    def get(path, method="GET", **headers):
        return ask(f"{aws.endpoint}{path}", method, Host=site["Host"], **headers)

    return get


def test_the_root_is_the_page_and_a_file_comes_with_its_type(get):
    page = get("/")
    assert (page.status, page.body, page.headers["content-type"]) == (200, b"index.html of eu-west-1", "text/html")
    assert get("/app.js").headers["content-type"] == "text/javascript"
    assert "cloudfront.net" in page.headers["via"]


def test_the_loopback_counts_as_https(get):
    assert get("/").status == 200


def test_answers_carry_the_security_headers_and_the_policy_names_the_local_addresses(aws, get):
    headers = get("/").headers
    assert (headers["x-frame-options"], headers["x-content-type-options"]) == ("DENY", "nosniff")
    directives = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert f"http://127.0.0.1:{aws.port}" in directives["connect-src"].split()
    assert "https://*.execute-api.eu-west-1.amazonaws.com" in directives["connect-src"].split()
    assert {name: value for name, value in directives.items() if name != "connect-src"} == {
        "default-src": "'none'",
        "script-src": "'self'",
        "frame-ancestors": "'none'",
    }


def test_a_file_that_is_not_there_is_the_error_page(get):
    answer = get("/nothing.html")
    assert (answer.status, answer.body) == (404, b"error.html of eu-west-1")


def test_only_the_methods_that_are_allowed_get_through(get):
    assert get("/", "POST").status == 403
    head = get("/app.js", "HEAD")
    assert (head.status, head.body) == (200, b"")


def test_a_browser_that_has_the_file_gets_it_only_once(get):
    tag = get("/app.js").headers["etag"]
    assert get("/app.js", If_None_Match=tag).status == 304


def test_the_second_region_serves_while_the_first_does_not(aws, get):
    fault = {"service": "s3", "operation": "GetObject", "region": FIRST, "principal": "cloudfront.amazonaws.com"}
    aws.set_faults({"calls": [{**fault, "error": "ServiceUnavailable"}]})
    assert get("/").body == b"index.html of eu-central-1"
    assert get("/").body == b"index.html of eu-west-1"


def test_without_the_bucket_s_permission_nothing_is_served(aws, site, get):
    s3 = aws.client("s3", FIRST)
    name = f"{site['Name']}-{FIRST}"
    policy = s3.get_bucket_policy(Bucket=name)["Policy"]
    s3.put_bucket_policy(Bucket=name, Policy=policy.replace(f"{ACCOUNT}:distribution", "123456789012:distribution"))
    try:
        answer = get("/app.js")
    finally:
        s3.put_bucket_policy(Bucket=name, Policy=policy)
    assert answer.status == 403  # nor is the error page there for CloudFront
    assert get("/app.js").status == 200


def test_without_the_key_s_permission_nothing_is_served(aws, site, get):
    kms = aws.client("kms", FIRST)
    key = aws.client("cloudformation", FIRST).describe_stack_resource(
        StackName=f"{site['Name']}-bucket", LogicalResourceId="Key"
    )["StackResourceDetail"]["PhysicalResourceId"]
    policy = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    kms.put_key_policy(
        KeyId=key, PolicyName="default", Policy=policy.replace("cloudfront.amazonaws", "events.amazonaws")
    )
    try:
        answer = get("/app.js")
    finally:
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)
    assert answer.status == 403


def test_nobody_reads_the_bucket_itself(aws, site):
    assert ask(f"{aws.endpoint}/{site['Name']}-{FIRST}/index.html").status == 403
