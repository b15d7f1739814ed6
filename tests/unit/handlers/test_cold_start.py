"""Goal G3x, exact: what the item API's function imports, from the archive that is deployed and nothing else."""

import json
import subprocess
import sys

import pytest

from blueprints import packaging

SLOW = {"boto3", "botocore", "aws_xray_sdk", "pydantic", "cryptography", "asyncio"}
# As Lambda's: the standard library, and the archive; -S -I keeps everything else that is installed here out.
REPORT = """
import json, sys
sys.path.insert(0, sys.argv[1])
import importlib
module = importlib.import_module(sys.argv[2])
assert module.__file__.startswith(sys.argv[1]), module.__file__
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return packaging.package(tmp_path_factory.mktemp("archive"))


def imported(archive, module, code=REPORT):
    command = [sys.executable, "-S", "-I", "-c", code, str(archive), module]
    return set(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


@pytest.mark.parametrize("module", ["handlers.serve_resources", "handlers.report_health"])
def test_nothing_slow_is_on_the_import_path(archive, module):
    found = imported(archive, module)
    assert SLOW & found == set()
    assert {"pymysql", "aws_lambda_powertools", "ssl"} <= found


def test_a_request_imports_nothing_slow_either(archive):
    code = REPORT.replace(
        "print(",
        """
from datetime import datetime, UTC
event = {"resource": "/items", "path": "/items", "httpMethod": "GET", "headers": {"Accept-Encoding": "gzip"},
    "queryStringParameters": None, "requestContext": {"requestId": "r", "path": "/api/items", "stage": "api"}}
import os, io
os.environ.update(PREFIX="p", DATABASE_HOST="127.0.0.1", DATABASE_PORT="1", DATABASE_NAME="n", DATABASE_USER="u",
    CA_BUNDLE=sys.argv[3] if len(sys.argv) > 3 else "handlers/certificates/rds.pem", AWS_REGION="eu-west-1",
    AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="s")
import handlers.trust
from pathlib import Path
import ssl
handlers.database.tls = lambda bundle: ssl.create_default_context()  # a zip has no file that OpenSSL could open
out, sys.stdout = sys.stdout, io.StringIO()
assert module.handler(event, None)["statusCode"] == 503
sys.stdout = out
print(""",
    )
    assert SLOW & imported(archive, "handlers.serve_resources", code) == set()


def test_the_rest_of_powertools_is_there_for_whoever_asks(archive):
    """Its packages' own code has not run yet, and runs when a name of theirs is asked for."""
    code = REPORT.replace(
        "print(",
        """
import aws_lambda_powertools as package
assert not {"boto3", "asyncio"} & set(sys.modules)
assert package.__name__ == "aws_lambda_powertools" and package.__path__
from aws_lambda_powertools.event_handler import AppSyncResolver, Response
from handlers.rest import lean
assert Response is lean.Response
assert package.Logger and package.metrics.Metrics and package.__version__
try:
    package.nonsense
except AttributeError:
    pass
else:
    raise AssertionError("it should have no such name")
print(""",
    )
    assert "asyncio" in imported(archive, "handlers.rest.lean", code)
