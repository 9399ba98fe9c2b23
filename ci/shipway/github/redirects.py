"""Requests to GitHub follow nothing: what they carry is for the one host that they name."""

from __future__ import annotations

import urllib.request
from http.client import HTTPMessage
from typing import IO


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the request's secret elsewhere, or fetch keys from elsewhere."""

    def redirect_request(  # noqa: PLR0917  # urllib's own signature
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        """None: the answer is then the redirect itself, which is an error."""
