"""Count visitors in Redis and tell each of them: a web server in the standard library alone."""

from __future__ import annotations

import socket
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT = 8000
DATABASE = ("database", 6379)
TIMEOUT_S = 5


def visits() -> int:
    """Add one to the number of visits and return it."""
    with socket.create_connection(DATABASE, timeout=TIMEOUT_S) as connection:
        connection.sendall(b"INCR visits\r\n")
        with connection.makefile("rb") as answer:
            return int(answer.readline().removeprefix(b":"))


class Visits(BaseHTTPRequestHandler):
    """Answer with the number of the visit, or with a fact about this server."""

    def do_GET(self) -> None:
        """Answer one request."""
        if self.path == "/health":
            text = "well\n"
        elif self.path == "/builds":
            text = Path("facts/builds").read_text()
        else:
            text = f"visit {visits()} of {socket.gethostname()}\n"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())


if __name__ == "__main__":
    if sys.argv[1:2] == ["ask"]:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{sys.argv[2]}", timeout=TIMEOUT_S) as answer:
            print(answer.read().decode(), end="")
    else:
        ThreadingHTTPServer(("", PORT), Visits).serve_forever()
