"""Every delivery as a row, by month, and the script that searches them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final
from urllib.parse import urlsplit

from shipway.evidence.canonical_json import moment as written
from shipway.evidence.history import RecordedDelivery, mentioned, short
from shipway.evidence.report.amounts import counted, span
from shipway.evidence.report.html import Child, Html, joined, tag
from shipway.evidence.report.parts import mark
from shipway.evidence.report.queries import query
from shipway.evidence.rollouts import Outcome, moment

_GOOD: Final = frozenset({"held", "published", "unchanged"})
_ROLLED: Final = frozenset({"held", "failed", "undecided"})
_SUBJECT: Final = 60
_NO_DAY: Final = "no date"
_COLUMNS: Final = ("ended (UTC)", "to", "verdict", "commit", "image", "who", "evidence")

STYLE: Final = """
#deliveries table{table-layout:fixed;min-width:960px}
#deliveries th:nth-child(1){width:13%}#deliveries th:nth-child(2){width:10%}
#deliveries th:nth-child(3){width:15%}#deliveries th:nth-child(4){width:20%}
#deliveries th:nth-child(5){width:12%}#deliveries th:nth-child(6){width:15%}
#deliveries td{overflow-wrap:anywhere;padding-right:12px}
#deliveries td:last-child a{display:inline-block;margin-right:8px}
#deliveries tr:target{background:var(--box);outline:2px solid var(--info)}
#deliveries summary{font-weight:600}
#deliveries .dim{display:block;font-size:13px}
#search{position:sticky;top:0;background:var(--bg);padding:8px 0;z-index:1}
#search[hidden]{display:none}
#search input{max-width:640px}
#search button{font:inherit;color:var(--info);background:none;border:0;padding:4px;cursor:pointer;
text-decoration:underline}
"""

SCRIPT: Final = r"""
const list = document.getElementById("deliveries");
const bar = document.getElementById("search");
const box = bar.querySelector("input");
const count = bar.querySelector("span");
const all = bar.querySelector("button");
const months = [...list.querySelectorAll("details")].map((details) => {
  const told = details.querySelector("summary span");
  return {details, told, all: told.textContent, open: details.open, hits: 0, shown: 0};
});
const rows = months.flatMap((month) => [...month.details.querySelectorAll("tbody tr")]
  .map((row) => ({row, month, text: ""})));
const MOST = 300;
const TERM = /(env|is|by|from|to):(?:"([^"]*)"|(\S*))|"([^"]*)"|(\S+)/gi;

const tests = {
  env: (data, value) => data.env === value,
  is: (data, value) => data.is.split(" ").includes(value),
  by: (data, value) => data.by.includes(value),
  from: (data, value) => data.end >= value.toUpperCase(),
  to: (data, value) => data.end !== "" && data.end < value.toUpperCase(),
};

function read(query) {
  return [...query.toLowerCase().matchAll(TERM)].map((term) => {
    const test = tests[term[1]];
    if (test) return (entry) => test(entry.row.dataset, term[2] ?? term[3]);
    const word = (term[4] ?? term[5]).replace(/^.*sha256:/, "").replace(/…$/, "");
    return (entry) => {
      entry.text ||= (entry.row.textContent + " " + entry.row.dataset.more).toLowerCase();
      return entry.text.includes(word);
    };
  });
}

function search(most) {
  const wanted = read(box.value);
  const searching = wanted.length > 0;
  let found = 0;
  for (const month of months) { month.hits = 0; month.shown = 0; }
  for (const entry of rows) {
    const hit = wanted.every((test) => test(entry));
    found += hit ? 1 : 0;
    const shown = hit && (!searching || found <= most);
    entry.row.hidden = !shown;
    entry.month.hits += hit ? 1 : 0;
    entry.month.shown += shown ? 1 : 0;
  }
  for (const month of months) {
    month.details.hidden = searching && month.shown === 0;
    month.details.open = searching ? month.shown > 0 : month.open;
    month.told.textContent = searching ? month.hits + " of " + month.all : month.all;
  }
  const cut = searching && found > most;
  count.textContent = !searching ? "of " + rows.length
    : found + " of " + rows.length + (cut ? ", the newest " + most + " are shown " : "");
  all.hidden = !cut;
}

function follow() {
  const mark = location.hash;
  if (mark.startsWith("#?")) {
    try { box.value = decodeURIComponent(mark.slice(2)); } catch { box.value = mark.slice(2); }
    search(MOST);
    bar.scrollIntoView();
  } else if (/^#r\d+$/.test(mark)) {
    const row = document.getElementById(mark.slice(1));
    if (!row) return;
    if (row.hidden) { box.value = ""; search(MOST); }
    row.closest("details").open = true;
    row.scrollIntoView({block: "center"});
  }
}

bar.hidden = false;
box.addEventListener("input", () => {
  history.replaceState(null, "", box.value ? "#?" + encodeURIComponent(box.value) : "#");
  search(MOST);
});
all.addEventListener("click", () => search(Infinity));
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  // The same address again changes nothing, but whoever clicks wants to be taken there.
  if (link && (link.getAttribute("href") || "") === location.hash) follow();
});
addEventListener("hashchange", follow);
search(MOST);
follow();
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A delivery as a row.

    Attributes:
        number: Its place among all, the oldest has 1: the row's anchor.
        recorded: Its record.
        outcome: What became of it.
        counts_as: Further words that ``is:`` finds.
        remarks: What it counts as, in words.
        files: Names and addresses of what lies beside the page.
    """

    number: int
    recorded: RecordedDelivery
    outcome: Outcome
    counts_as: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()

    @property
    def anchor(self) -> str:
        """A link to the row."""
        return f"#r{self.number}"


def listing(rows: Sequence[Listed]) -> Iterator[Html]:
    """The search, then a table for each month, the newest first and open."""
    yield tag(
        "p",
        tag(
            "input",
            type="search",
            placeholder="commit, digest, person, env:production is:failed from:2026-11-01",
            aria_label="Search deliveries",
        ),
        tag("span", class_="dim"),
        tag("button", "show all", type="button", hidden=True),
        id="search",
        hidden=True,
    )
    months = groupby(sorted(rows, key=_end, reverse=True), lambda row: _end(row)[:7] or _NO_DAY)
    yield tag(
        "div", [_month(*month, first=not nth) for nth, month in enumerate(months)], id="deliveries"
    )


def _month(name: str, rows: Iterator[Listed], *, first: bool) -> Html:
    body = [_row(row) for row in rows]
    head = tag("tr", [tag("th", column) for column in _COLUMNS])
    return tag(
        "details",
        tag(
            "summary",
            f"{name}: ",
            tag("span", counted(len(body), "delivery", "deliveries")),
        ),
        tag("div", tag("table", tag("thead", head), tag("tbody", body)), class_="wide"),
        open=first,
    )


def _end(row: Listed) -> str:
    at = moment(row.recorded.delivery.finished_on) or moment(row.recorded.started)
    return written(at) if at else ""


def _row(row: Listed) -> Html:
    recorded = row.recorded
    cells: tuple[Child, ...] = (
        _when(row),
        recorded.environment or "–",
        joined((_verdict(row), [_dim(remark) for remark in row.remarks])),
        _commit(recorded),
        _image(recorded),
        _who(recorded),
        list(_evidence(row)),
    )
    rolled = ("rollout",) if row.outcome in _ROLLED else ()
    commit = recorded.delivery.commit
    digests = sorted(digest.removeprefix("sha256:") for digest in mentioned(recorded))
    return tag(
        "tr",
        [tag("td", cell) for cell in cells],
        id=f"r{row.number}",
        data_env=recorded.environment.lower(),
        data_is=" ".join((row.outcome, *rolled, *row.counts_as)),
        data_by=recorded.who.lower(),
        data_end=_end(row),
        data_more=" ".join((commit.sha if commit else "", *digests, recorded.record)),
    )


def _when(row: Listed) -> Html:
    end = _end(row)
    began = moment(row.recorded.started)
    ended = moment(row.recorded.delivery.finished_on)
    took = f"took {span((ended - began).total_seconds())}" if began and ended else ""
    return joined((end[:16].replace("T", " "), _dim(took)))


def _verdict(row: Listed) -> Html:
    if row.outcome == "undecided":
        return tag("span", f"○ {row.recorded.kind}", class_="warn")
    good = row.outcome in _GOOD
    words = row.outcome if good else row.recorded.kind
    return mark(good=good, text=words or row.outcome)


def _commit(recorded: RecordedDelivery) -> Html | None:
    commit = recorded.delivery.commit
    if commit is None:
        return None
    address = commit.repository.removesuffix("/").removesuffix(".git")
    sha = tag("code", commit.sha[:7], title=commit.sha)
    changed = "with changes that no commit has" if commit.clean is False else ""
    subject = commit.subject
    cut = subject if len(subject) <= _SUBJECT else f"{subject[:_SUBJECT]}…"
    return joined((web(f"{address}/commit/{commit.sha}", sha), _dim(cut), _dim(changed)))


def _image(recorded: RecordedDelivery) -> Html | None:
    if not recorded.what:
        return None
    shown = short(recorded.what).removeprefix("sha256:")
    sha = tag("code", shown, title=recorded.what)
    return tag("a", sha, href=query(recorded.what.removeprefix("sha256:")))


def _who(recorded: RecordedDelivery) -> Html:
    trigger = recorded.delivery.trigger
    actor = trigger.actor if trigger else ""
    role = recorded.who.removeprefix(actor).removeprefix(" as ").partition("/github-")[0]
    by_hand = trigger is not None and trigger.event == "by-hand"
    how = "by hand" if by_hand else f"{trigger.event} {trigger.ref}" if trigger else ""
    person = tag("a", actor, href=query(by=actor)) if actor else None
    return joined((person, _dim(how.removesuffix(" ")), _dim(f"as {role}" if role else "")))


def _evidence(row: Listed) -> Iterator[Child]:
    for name, address in row.files:
        yield tag("a", name, href=address)
    trigger = row.recorded.delivery.trigger
    yield web(trigger.url, "run") if trigger and trigger.url else None
    if not row.files:
        yield tag("code", row.recorded.record)


def web(address: str, shown: Html | str) -> Html:
    """A link that can only lead to a web page; without one what it shows is there all the same."""
    try:
        safe = urlsplit(address).scheme in {"http", "https"}
    except ValueError:
        safe = False
    if safe:
        return tag("a", shown, href=address, rel="noreferrer")
    return shown if isinstance(shown, Html) else tag("span", shown)


def _dim(text: str) -> Html | None:
    return tag("span", text, class_="dim") if text else None
