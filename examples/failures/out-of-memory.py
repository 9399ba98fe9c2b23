"""The shop with a cache of pictures that knows no bound."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType

VERSION = "1.5.0"
COMMIT = os.environ.get("SHOP_COMMIT", "unknown")
PORT = int(os.environ.get("PORT", "8080"))
ARTICLES = {"anchor": 240, "lantern": 35, "rope, 20 m": 18}


class Shop(BaseHTTPRequestHandler):
    """Answers ``/`` with the shop window and ``/health`` with what runs here."""

    protocol_version = "HTTP/1.1"
    server_version = f"shop/{VERSION}"

    def do_GET(self) -> None:
        """Answer one request."""
        path = self.path.partition("?")[0]
        if path == "/health":
            body = json.dumps({"status": "ok", "version": VERSION, "commit": COMMIT})
            self.answer(HTTPStatus.OK, "application/json", body)
        elif path == "/":
            rows = "".join(f"<li>{name}: {price} €</li>" for name, price in ARTICLES.items())
            page = f"<!doctype html><title>Shop</title><h1>Ship chandler</h1><ul>{rows}</ul>"
            self.answer(HTTPStatus.OK, "text/html; charset=utf-8", page)
        else:
            self.answer(HTTPStatus.NOT_FOUND, "text/plain", "no such page\n")

    def answer(self, status: HTTPStatus, kind: str, text: str) -> None:
        """Send one whole response."""
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's own name
        """Log to standard output, where ECS takes its logs from."""
        print(f"{self.address_string()} {format % args}", flush=True)


PICTURES: list[bytes] = []


def warm_cache() -> None:
    """Load every picture of every article."""
    while True:
        PICTURES.append(b"\xff" * 4_000_000)
        time.sleep(0.002)


def main() -> int:
    """Serve until SIGTERM, then finish what is being answered."""
    server = ThreadingHTTPServer(("", PORT), Shop)
    server.daemon_threads = True

    def stop(_signal: int, _frame: FrameType | None) -> None:
        print("SIGTERM: closing the shop", flush=True)
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=warm_cache, daemon=True).start()
    print(f"shop {VERSION} ({COMMIT}) listens on {PORT}", flush=True)
    server.serve_forever(poll_interval=0.1)
    time.sleep(0.2)  # answers that are under way
    return 0


if __name__ == "__main__":
    sys.exit(main())
