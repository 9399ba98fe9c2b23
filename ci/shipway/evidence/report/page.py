"""The page around a report: style, the one script, and a policy that forbids everything else."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from shipway.evidence.report.html import Html, joined, raw, tag

STYLE: Final = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1f2328;--dim:#59636e;--line:#d1d9e0;--box:#f6f8fa;
--good:#1a7f37;--bad:#cf222e;--warn:#9a6700;--info:#0969da;--old:#818b98;--new:#2da44e;
--pend:#d4a72c;--fail:#cf222e}
@media (prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--dim:#9198a1;--line:#30363d;
--box:#161b22;--good:#3fb950;--bad:#f85149;--warn:#d29922;--info:#58a6ff;--old:#6e7681;
--new:#2ea043;--pend:#bb8009;--fail:#f85149}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
main{max-width:1080px;margin:0 auto;padding:24px 20px 64px}
h1{font-size:26px;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:18px;margin:36px 0 10px;padding-bottom:4px;border-bottom:1px solid var(--line)}
h3{font-size:15px;margin:18px 0 6px;overflow-wrap:anywhere}
p{margin:6px 0;overflow-wrap:anywhere}a{color:var(--info)}
code,pre,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,"Liberation Mono",monospace;
font-size:13px}
code{overflow-wrap:anywhere}
pre{background:var(--box);border:1px solid var(--line);border-radius:6px;padding:10px 12px;
margin:6px 0;overflow-x:auto;white-space:pre}
.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}.dim{color:var(--dim)}
.cause{border-left:4px solid var(--bad);background:var(--box);padding:10px 14px;margin:12px 0;
border-radius:0 6px 6px 0}
.cause h3{margin-top:0}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:3px 18px;margin:12px 0}
dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
.wide{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{text-align:left;vertical-align:top;padding:5px 14px 5px 0;border-bottom:1px solid var(--line)}
th{color:var(--dim);font-weight:600;white-space:nowrap}
td.n,th.n{text-align:right}td.w{min-width:14em;overflow-wrap:anywhere}td.k{white-space:nowrap}
details{margin:8px 0}summary{cursor:pointer;padding:4px 0}
details.walk{border:1px solid var(--line);border-radius:6px;margin:10px 0;padding:0 14px}
details.walk>summary{padding:9px 0;font-weight:600}
input[type=search]{width:100%;max-width:420px;padding:7px 10px;font:inherit;color:inherit;
background:var(--bg);border:1px solid var(--line);border-radius:6px;margin:4px 10px 10px 0}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:13px;color:var(--dim);margin:6px 0}
.legend svg{vertical-align:-1px;margin-right:6px}
svg.time{display:block;min-width:700px;width:100%;height:auto}
svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;
fill:var(--fg)}
svg text.dim{fill:var(--dim)}svg text.bad{fill:var(--bad)}
.axis{stroke:var(--line);stroke-width:1}.base{stroke:var(--dim);stroke-width:1}
.b-good{fill:var(--info);fill-opacity:.75}.b-bad{fill:var(--bad)}
.b-open{fill:var(--warn);fill-opacity:.75}.b-skip{fill:var(--line)}
.a-old{fill:var(--old);fill-opacity:.55}.a-new{fill:var(--new);fill-opacity:.8}
.a-pend{fill:var(--pend);fill-opacity:.75}
.l-fail{fill:none;stroke:var(--fail);stroke-width:2;stroke-dasharray:4 2}
.l-want{fill:none;stroke:var(--dim);stroke-width:1;stroke-dasharray:1 3}
.back{fill:var(--bad);fill-opacity:.18}
.m-info{fill:var(--dim)}.m-warn{fill:var(--warn)}.m-bad{fill:var(--bad)}
@media (max-width:600px){main{padding:16px 12px 40px}dl{grid-template-columns:1fr;gap:0}
dd{margin-bottom:8px}h1{font-size:22px}}
@media print{details:not([open])>*{display:none}}
"""

SCRIPT: Final = """
for (const box of document.querySelectorAll("input[data-rows]")) {
  const rows = [...document.querySelectorAll("#" + box.dataset.rows + " tbody tr")];
  const count = document.getElementById(box.dataset.rows + "-count");
  box.parentElement.hidden = false;
  box.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = shown + " of " + rows.length;
  });
}
"""


def page(
    title: str,
    body: tuple[Html, ...],
    *,
    about: str = "",
    style: str = STYLE,
    script: str = SCRIPT,
) -> bytes:
    """A whole page that needs no network and may not use any.

    Args:
        title: The page's title.
        body: What it shows.
        about: The SHA-256 of the record that it was rendered from.
        style: Its style, of our own.
        script: Its script, of our own.
    """
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    head = (
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width,initial-scale=1"),
        tag("meta", name="generator", content="shipway"),
        tag("meta", name="shipway-record", content=f"sha256:{about}") if about else None,
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", raw(style)),
    )
    document = tag(
        "html",
        tag("head", head),
        tag("body", tag("main", body), tag("script", raw(script))),
        lang="en",
    )
    return joined((raw("<!doctype html>\n"), document, raw("\n"))).encode()


def _hash(content: str) -> str:
    """How a Content-Security-Policy names an inline script or style it allows."""
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
