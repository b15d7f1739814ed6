"""AWS with a region that nobody reaches: in front of the embedded one, it hangs up on whoever means that region."""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sandbox.server import Engine

# A signed request says which region it is for.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([a-z0-9-]+)/")
PER_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "date", "server")


@contextmanager
def without(engine: Engine, region: str) -> Iterator[tuple[str, list[str]]]:
    """Address of *engine* as it is while *region* is down, and the requests that were hung up on."""
    missed: list[str] = []

    class Front(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            scope = SCOPE.search(self.headers.get("Authorization", ""))
            if scope and scope[1] == region:
                missed.append(f"{self.command} {self.path}")
                self.close_connection = True
                self.connection.close()
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            behind = http.client.HTTPConnection("127.0.0.1", engine.port, timeout=60)
            behind.request(self.command, self.path, body, dict(self.headers))
            answer = behind.getresponse()
            content = answer.read()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in PER_HOP:
                    self.send_header(name, value)
            # The answer to HEAD tells the length of what it leaves out.
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            self.wfile.write(content)
            behind.close()

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = serve  # noqa: N815 (the base class's names)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Front) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", missed
        finally:
            server.shutdown()
