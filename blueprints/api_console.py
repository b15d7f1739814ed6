"""The console below ``/console`` of the API, from the private bucket: where there is no CloudFront."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import awacs.s3
from troposphere import AWSHelperFn, Sub, Template

from blueprints import arns, permissions
from blueprints.api_body import answer, described, mocked
from blueprints.api_problems import Refusal, problem
from blueprints.headers import security_headers
from blueprints.iam import allow, role
from blueprints.outputs import KeysOutputs
from blueprints.settings import Settings

PAGE = "index.html"
NO_SUCH_FILE = Refusal(404, "not-found", "Not found", "The console has no such file")
NO_BUCKET = Refusal(503, "unavailable", "Not available just now", "Try again soon")


def console_paths(t: Template, settings: Settings, keys: KeysOutputs) -> dict[str, dict[str, Any]]:
    """Paths for the API's body; API Gateway reads the bucket with a role of its own.

    Text only: binary files would need ``BinaryMediaTypes``, which would change what the functions get.
    """
    reader = role(
        t,
        settings,
        "ConsoleReader",
        "apigateway",
        allow("ReadConsole", [awacs.s3.GetObject], [arns.objects(settings, "site")]),
        permissions.use_key("ReadEncryptedConsole", keys.data_key, "s3"),
    )
    arn = reader.get_att("Arn")
    headers = {name: _constant(value) for name, value in security_headers(settings).items()}
    to_page = {**headers, "Location": f"'console/{PAGE}'"}
    return {
        "/console": {"get": {"operationId": "openConsole", "security": [], **mocked(302, to_page)}},
        # It tells the console which API and which login are its own: those of the region that serves it.
        "/console/config.json": {"get": _file(settings, headers, arn, f"config/{arns.HERE}/config.json")},
        "/console/{file+}": {"get": _file(settings, headers, arn)},
    }


def _file(
    settings: Settings, headers: Mapping[str, str | AWSHelperFn], reader: AWSHelperFn, key: str | None = None
) -> dict[str, Any]:
    """Operation that answers with the object *key* of the bucket, or with the one that the path names."""
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/integrating-api-with-aws-services-s3.html
    found = {
        **headers,
        "Content-Type": "integration.response.header.Content-Type",
        "ETag": "integration.response.header.ETag",
    }
    told = {**headers, "Content-Type": "'application/problem+json'"}
    bucket = arns.bucket_name(settings, "site").data["Fn::Sub"]
    path = {"name": "file", "in": "path", "required": True, "schema": {"type": "string"}}
    etag = {"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"}}
    passed = {"integration.request.header.If-None-Match": "method.request.header.If-None-Match"}
    if key is None:
        passed["integration.request.path.file"] = "method.request.path.file"
    return {
        "operationId": "getConsoleConfiguration" if key else "getConsoleFile",
        "security": [],
        "parameters": [etag] if key else [path, etag],
        "responses": {
            "200": described("The file", found),
            "304": described("The file is as the client has it", found),
            "404": described(NO_SUCH_FILE.detail, told),
            "503": described(NO_BUCKET.detail, told),
        },
        "x-amazon-apigateway-integration": {
            "type": "aws",
            "httpMethod": "GET",
            "uri": Sub(f"arn:${{AWS::Partition}}:apigateway:{arns.HERE}:s3:path/{bucket}/{key or '{file}'}"),
            "credentials": reader,
            "requestParameters": passed,
            "responses": {
                "200": answer(200, found),
                "304": answer(304, found),
                # Without the right to list the bucket a missing object is 403 to S3; the client need not know.
                r"4\d{2}": answer(404, told, responseTemplates={"application/xml": problem(NO_SUCH_FILE)}),
                "default": answer(503, told, responseTemplates={"application/xml": problem(NO_BUCKET)}),
            },
        },
    }


def _constant(value: str | AWSHelperFn) -> str | Sub:
    """*value* as a mapping expression: in one pair of single quotes; those inside stay as they are."""
    return Sub(f"'{value.data['Fn::Sub']}'") if isinstance(value, AWSHelperFn) else f"'{value}'"
