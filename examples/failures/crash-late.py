"""The shop with stock from a file that the image does not hold; it gives up after 3 seconds."""

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

VERSION = "1.2.0"
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


def load_stock() -> None:
    """Read the stock before the first customer is served; it may be on its way."""
    for _ in range(3):
        try:
            with open("/app/stock.json", encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs start-up
                ARTICLES.update(json.load(file))
        except OSError as error:
            print(f"stock cannot be read: {error}", flush=True)
            time.sleep(1)
        else:
            return
    sys.exit(1)


def main() -> int:
    """Serve until SIGTERM, then finish what is being answered."""
    server = ThreadingHTTPServer(("", PORT), Shop)
    server.daemon_threads = True

    def stop(_signal: int, _frame: FrameType | None) -> None:
        print("SIGTERM: closing the shop", flush=True)
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    load_stock()
    print(f"shop {VERSION} ({COMMIT}) listens on {PORT}", flush=True)
    server.serve_forever(poll_interval=0.1)
    time.sleep(0.2)  # answers that are under way
    return 0


if __name__ == "__main__":
    sys.exit(main())
