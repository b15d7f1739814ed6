"""A REST API of an OpenAPI document, asked over HTTP: it refuses, answers and logs as AWS does."""

import base64
import gzip
import io
import json
import time
import zipfile

import pytest
from api_world import body, resources
from browsing import ask
from deploying import deploy, ref


@pytest.fixture(scope="module")
def stack(engine):
    name = f"items{int(time.time() * 1000)}"
    outputs = {key: ref(key) for key in ("Api", "Pool", "Reader", "Writer", "OtherPool", "Bucket", "Echo", "Logs")}
    found = deploy(engine, name, resources(body(), f"{name}-site"), outputs=outputs)
    for key, kind, content in (
        ("index.html", "text/html", b"<p>caf\xc3\xa9</p>"),
        ("dot.png", "image/png", b"\x89PNG\xff"),
    ):
        engine.client("s3").put_object(Bucket=found["Bucket"], Key=f"console/{key}", Body=content, ContentType=kind)
    return {**found, "Name": name}


@pytest.fixture(scope="module")
def api(engine, stack):
    return f"{engine.endpoint}/_aws/execute-api/{stack['Api']}/api"


@pytest.fixture(scope="module")
def token(engine, stack):
    """Access tokens of machine clients."""

    def get(name):
        idp = engine.client("cognito-idp")
        described = idp.describe_user_pool_client(UserPoolId=stack["Pool"], ClientId=stack[name])["UserPoolClient"]
        basic = base64.b64encode(f"{stack[name]}:{described['ClientSecret']}".encode()).decode()
        answer = ask(
            f"{engine.endpoint}/oauth2/token",
            "POST",
            "grant_type=client_credentials",
            Authorization=f"Basic {basic}",
            Content_Type="application/x-www-form-urlencoded",
        )
        return answer.json["access_token"]

    return get


def test_a_function_sees_the_request_as_aws_describes_it(api, stack):
    answer = ask(f"{api}/items/a%20b?x=1&x=2", If_Match='"1"')
    event = answer.json
    assert answer.status == 200
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/items/{id}", "/items/a b", "GET")
    assert event["pathParameters"] == {"id": "a b"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"]}
    assert event["headers"]["if-match"] == '"1"'
    assert event["body"] is None
    assert "version" not in event
    context = event["requestContext"]
    assert (context["stage"], context["path"], context["apiId"]) == ("api", "/api/items/a b", stack["Api"])
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert "authorizer" not in context


def test_the_address_of_a_caller_is_the_connection_s_whatever_it_says(api):
    event = ask(f"{api}/health", X_Forwarded_For="8.8.8.8").json
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"
    assert event["headers"]["X-Forwarded-For"] == "8.8.8.8, 127.0.0.1"


def test_answers_carry_the_gateway_s_ids_and_the_function_s_headers(api):
    answer = ask(f"{api}/health")
    assert {"x-amzn-requestid", "x-amz-apigw-id", "x-amzn-trace-id", "etag"} <= answer.headers.keys()
    assert answer.headers["x-amzn-remapped-date"] == "yesterday"
    assert answer.headers["x-amzn-requestid"] == answer.json["requestContext"]["requestId"]


def test_the_api_answers_at_its_own_host_name(engine, stack):
    host = f"{stack['Api']}.execute-api.localhost:{engine.port}"
    assert ask(f"{engine.endpoint}/api/health", Host=host).status == 200


def test_a_path_or_a_method_that_is_not_there_is_refused_with_the_gateway_s_response(api):
    for method, path in (("GET", "/nowhere"), ("DELETE", "/items")):
        answer = ask(f"{api}{path}", method)
        assert (answer.status, answer.headers["content-type"]) == (403, "application/problem+json")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.json["title"] == "Missing Authentication Token"


def test_a_preflight_is_answered_without_a_token(api):
    answer = ask(f"{api}/items", "OPTIONS", Origin="http://localhost:1", Access_Control_Request_Method="POST")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type,if-match"


def test_a_token_opens_what_its_scopes_say(api, token):
    reader, writer = token("Reader"), token("Writer")
    answer = ask(f"{api}/items?limit=1", Authorization=f"Bearer {reader}")
    assert answer.status == 200
    assert answer.json["requestContext"]["authorizer"]["claims"]["scope"] == "holdfast/items:read"
    assert ask(f"{api}/items", "POST", {"title": "a"}, Authorization=writer).status == 200
    refused = ask(f"{api}/items", "POST", {"title": "a"}, Authorization=reader)
    assert (refused.status, refused.json["title"]) == (401, "Unauthorized")


def test_without_a_token_or_with_nonsense_nobody_gets_in(api, token):
    head, _, signature = token("Reader").split(".")
    forged = base64.urlsafe_b64encode(b'{"scope": "holdfast/items:read", "token_use": "access"}').decode().rstrip("=")
    for header in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"{head}.{forged}.{signature}"}):
        answer = ask(f"{api}/items?limit=1", **header)
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (401, "UnauthorizedException")


def user_tokens(engine, pool, **validity):
    idp = engine.client("cognito-idp")
    made = idp.create_user_pool_client(
        UserPoolId=pool,
        ClientName="c",
        ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        **validity,
    )["UserPoolClient"]["ClientId"]
    if not idp.list_users(UserPoolId=pool)["Users"]:
        idp.admin_create_user(UserPoolId=pool, Username="u", MessageAction="SUPPRESS")
        idp.admin_set_user_password(UserPoolId=pool, Username="u", Password="Password-1", Permanent=True)
    return idp.admin_initiate_auth(
        UserPoolId=pool,
        ClientId=made,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "u", "PASSWORD": "Password-1"},
    )["AuthenticationResult"]


def test_a_token_of_another_pool_is_foreign(engine, api, stack):
    foreign = user_tokens(engine, stack["OtherPool"])["AccessToken"]
    assert ask(f"{api}/items?limit=1", Authorization=foreign).status == 401


def test_an_identity_token_is_no_access_token(engine, api, stack):
    identity = user_tokens(engine, stack["Pool"])["IdToken"]
    assert ask(f"{api}/items?limit=1", Authorization=identity).status == 401


def test_a_required_parameter_is_asked_for(api, token):
    answer = ask(f"{api}/items", Authorization=token("Reader"))
    assert (answer.status, answer.json["title"]) == (400, "Missing required request parameters: [limit]")


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        ({"quantity": 1}, 'object has missing required properties (["title"])'),
        ({"title": "a", "other": 1}, "not allowed by the schema"),
        ({"title": ""}, "instance of title does not match its schema"),
        ({"title": "a", "quantity": "many"}, "instance of quantity"),
        ("{", "Invalid JSON"),
        ("", "Invalid JSON"),
    ],
)
def test_a_body_that_does_not_fit_its_model_is_refused_and_says_why(api, token, sent, detail):
    answer = ask(f"{api}/items", "POST", sent, Authorization=token("Writer"))
    assert (answer.status, answer.json["title"]) == (400, "Invalid request body")
    assert detail in answer.json["detail"]


def test_a_body_of_another_content_type_is_not_checked(api, token):
    answer = ask(f"{api}/items", "POST", "title=a", Authorization=token("Writer"), Content_Type="text/plain")
    assert (answer.status, answer.json["body"]) == (200, "title=a")


def test_a_binary_body_arrives_encoded(api, token):
    answer = ask(f"{api}/items", "POST", b"\xff\x00", Authorization=token("Writer"), Content_Type="image/png")
    assert (answer.json["body"], answer.json["isBase64Encoded"]) == ("/wA=", True)


def test_long_answers_are_compressed_for_who_takes_that_and_compressed_bodies_are_unpacked(api, token):
    answer = ask(f"{api}/health", Accept_Encoding="br, gzip;q=0.5")
    assert answer.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(answer.body))["httpMethod"] == "GET"
    assert "content-encoding" not in ask(f"{api}/health", Accept_Encoding="br").headers
    packed = gzip.compress(b'{"title": "a"}')
    how = {"Authorization": token("Writer"), "Content_Encoding": "gzip", "Content_Type": "application/json"}
    assert ask(f"{api}/items", "POST", packed, **how).json["body"] == '{"title": "a"}'
    bomb = gzip.compress(b" " * (10 * 1024 * 1024 + 1))
    assert ask(f"{api}/items", "POST", bomb, **how).status == 413
    assert ask(f"{api}/items", "POST", b"no archive", **how).status == 400


def test_a_body_that_is_too_large_is_refused(api, token):
    answer = ask(f"{api}/items", "POST", b"x" * (10 * 1024 * 1024 + 1), Authorization=token("Writer"))
    assert (answer.status, answer.json["title"]) == (413, "HTTP content length exceeded 10485760 bytes.")


@pytest.mark.parametrize("how", ["raise=1", "answer=malformed", "answer=large"])
def test_a_function_that_fails_is_a_bad_gateway_and_tells_nothing(api, how):
    answer = ask(f"{api}/health?{how}")
    assert (answer.status, answer.json["title"]) == (502, "Internal server error")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert b"secret" not in answer.body


def test_a_function_that_is_too_slow_is_a_gateway_timeout(api):
    answer = ask(f"{api}/slow?sleep=0.6")
    assert (answer.status, answer.json["title"]) == (504, "Endpoint request timed out")


def test_a_function_that_api_gateway_may_not_call_is_an_internal_error(api):
    answer = ask(f"{api}/forbidden")
    assert (answer.status, answer.json["title"]) == (500, "Internal server error")


def test_pages_come_from_the_bucket_with_the_headers_that_are_mapped(api):
    answer = ask(f"{api}/console/index.html", Accept="text/html,*/*")
    assert (answer.status, answer.body.decode()) == (200, "<p>café</p>")
    assert (answer.headers["content-type"], answer.headers["x-frame-options"]) == ("text/html", "DENY")
    again = ask(f"{api}/console/index.html", If_None_Match=answer.headers["etag"])
    assert (again.status, again.body) == (304, b"")


def test_an_image_comes_whole_when_its_type_is_declared_binary(api):
    assert ask(f"{api}/console/dot.png", Accept="image/png").body == b"\x89PNG\xff"


def test_a_page_that_is_not_there_is_not_found(api):
    answer = ask(f"{api}/console/nothing.html")
    assert (answer.status, answer.json) == (404, {"title": "no such page"})


def test_a_role_that_does_not_trust_api_gateway_serves_nothing(api):
    assert ask(f"{api}/untrusted/index.html").status == 500


def test_a_role_without_the_permission_gets_nothing_from_the_bucket(aws, api, stack):
    iam = aws.client("iam")
    resources_ = aws.client("cloudformation").describe_stack_resource(
        StackName=stack["Name"], LogicalResourceId="SiteRole"
    )
    name = resources_["StackResourceDetail"]["PhysicalResourceId"]
    policy = iam.get_role_policy(RoleName=name, PolicyName="p")["PolicyDocument"]
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    try:
        assert ask(f"{api}/console/index.html").status == 404  # as the integration's responses say of S3's 403
    finally:
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    refused = [call for call in aws.calls() if name in call["principal"] and not call["allowed"]]
    assert {call["action"] for call in refused} == {"s3:GetObject"}


def lines(aws, group):
    found = aws.client("logs").filter_log_events(logGroupName=group)["events"]
    return [json.loads(event["message"]) for event in found]


def test_every_request_leaves_a_line_in_the_access_log(aws, api, stack, token):
    answer = ask(f"{api}/items?limit=1", Authorization=token("Reader"))
    identifier = answer.headers["x-amzn-requestid"]
    (line,) = [one for one in lines(aws, stack["Logs"]) if one["requestId"] == identifier]
    assert line == {
        "requestId": identifier,
        "method": "GET",
        "path": "/items",
        "status": "200",
        "ip": "127.0.0.1",
        "client": stack["Reader"],
        "error": "-",
    }
    refused = ask(f"{api}/items").headers["x-amzn-requestid"]
    (line,) = [one for one in lines(aws, stack["Logs"]) if one["requestId"] == refused]
    assert (line["status"], line["error"]) == ("401", "UNAUTHORIZED")


def test_requests_are_counted_in_the_metrics_of_the_api(aws, api, stack):
    ask(f"{api}/nowhere")
    found = aws.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/ApiGateway",
        MetricName="4XXError",
        Dimensions=[{"Name": "ApiName", "Value": stack["Name"]}],
        StartTime=time.time() - 600,
        EndTime=time.time() + 60,
        Period=3600,
        Statistics=["Sum"],
    )
    assert sum(point["Sum"] for point in found["Datapoints"]) >= 1


def test_an_alias_runs_what_was_published_under_it(aws, api, stack):
    source = (
        "import json, os\n"
        "def handler(event, context):\n"
        "    said = [os.environ['STAGE'], os.environ['AWS_LAMBDA_FUNCTION_VERSION'], 'new']\n"
        "    return {'statusCode': 200, 'body': json.dumps(said)}"
    )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", source)
    client_ = aws.client("lambda")
    client_.update_function_code(FunctionName=stack["Echo"], ZipFile=archive.getvalue())
    client_.update_function_configuration(FunctionName=stack["Echo"], Environment={"Variables": {"STAGE": "two"}})
    assert ask(f"{api}/health").json["httpMethod"] == "GET"
    published = client_.publish_version(FunctionName=stack["Echo"])["Version"]
    client_.update_alias(FunctionName=stack["Echo"], Name="live", FunctionVersion=published)
    try:
        assert ask(f"{api}/health").json == ["two", published, "new"]
    finally:
        client_.update_alias(FunctionName=stack["Echo"], Name="live", FunctionVersion="1")
