"""What the catalogue's function imports, and what its snapshot under SnapStart holds."""

import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from backup_fakes import PRIMARY

from handlers.core.names import iso

ROOT = Path(__file__).resolve().parents[3]


def in_a_process(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


HEAVY = ["boto3", "botocore", "aws_xray_sdk", "pydantic", "cryptography", "asyncio", "zoneinfo"]
CODE = f"import sys, json, handlers.serve_catalogue; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"


def test_its_import_loads_no_sdk():
    assert in_a_process(CODE) == []


SNAPSHOT = {
    "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start", "AWS_REGION": PRIMARY, "PREFIX": "p", "LEDGER": "l",
    "BACKUP_MACHINE": "m", "RPO_SECONDS": "1", "SCHEDULE_START": "00:30", "SCHEDULE_INTERVAL_SECONDS": "3600",
    "SCHEDULE_TIME_ZONE": "Etc/UTC", "PRIMARY_REGION": PRIMARY, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token",
    "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}  # fmt: skip
MADE = """
import json, sys, handlers.serve_catalogue
from handlers import runtime
found = [runtime.client.cache_info().currsize]
for service in ("dynamodb", "stepfunctions"):
    found.append(runtime.client(service)._request_signer._credentials.get_frozen_credentials().access_key)
print(json.dumps(found))
"""


class Issuer(BaseHTTPRequestHandler):
    """Lambda's endpoint of credentials; those that it gives first, for the snapshot, are soon over."""

    def do_GET(self):
        self.server.asked.append(self.headers["Authorization"])
        number = len(self.server.asked)
        left = timedelta(minutes=1 if number == 1 else 60)
        content = json.dumps(
            {
                "AccessKeyId": f"AKID{number}",
                "SecretAccessKey": "secret",
                "Token": "session",
                "Expiration": iso(datetime.now(UTC) + left),
            }
        ).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def issuer():
    with ThreadingHTTPServer(("127.0.0.1", 0), Issuer) as server:
        server.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_snapshot_holds_clients_whose_credentials_are_renewed(issuer, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    where = f"http://127.0.0.1:{issuer.server_port}/credentials"
    clients, *keys = in_a_process(MADE, **SNAPSHOT, AWS_CONTAINER_CREDENTIALS_FULL_URI=where)
    assert clients == 2
    assert set(issuer.asked) == {"token"}
    assert keys == ["AKID2", "AKID2"], "not those of the snapshot, which are as good as over"


def test_without_credentials_there_is_a_snapshot_all_the_same():
    code = "import json, handlers.serve_catalogue as served; print(json.dumps(callable(served.handler)))"
    nobody = "http://127.0.0.1:1/credentials"
    assert in_a_process(code, **SNAPSHOT, AWS_CONTAINER_CREDENTIALS_FULL_URI=nobody) is True
