"""The four keys of an environment as cards; each number leads to the deliveries it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shipway.evidence.dora import FourKeys, Timed
from shipway.evidence.report.amounts import counted, rate, share, span
from shipway.evidence.report.html import Html, tag
from shipway.evidence.report.listing import web
from shipway.evidence.report.queries import query

RECENT: Final = 30
"""Days of the second, newer look at each key."""
_NONE: Final = "–"
_SOURCE: Final = "https://dora.dev/guides/dora-metrics/"

STYLE: Final = """
.keys{display:grid;grid-template-columns:repeat(auto-fit,minmax(220px,1fr));gap:12px;margin:8px 0}
.key{border:1px solid var(--line);border-radius:6px;background:var(--box);padding:10px 14px}
.key b{display:block;font-size:13px;font-weight:600;color:var(--dim)}
.key>a{display:block;font-size:26px;line-height:1.35;text-decoration:none}
.key>a:hover{text-decoration:underline}
.key p{margin:2px 0;font-size:13px}
"""

_DEFINITIONS: Final = {
    "deployment frequency": "rollouts that held, by calendar days (UTC) from the environment's "
    "first rollout to the newest record",
    "lead time": "from a commit to the end of the delivery with which it held for the first time; "
    "the median",
    "change failure rate": "rollouts that did not hold, of all that held or did not; what was "
    "refused or ended before its rollout began is not counted, nor a rollout that was interrupted, "
    "replaced by a newer one, or not seen to its end",
    "time to restore": "from the begin of a rollout that failed until its own record says that "
    "everything runs as before, else until the next delivery has held; the median",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """One key: what is big, what is said of it, and the link to what it is made of."""

    value: str
    made_of: str
    href: str


def cards(environment: str, whole: FourKeys, newest: FourKeys | None) -> Html:
    """The four keys of an environment.

    Args:
        environment: Its name.
        whole: Over everything there is.
        newest: Over its last :data:`RECENT` days; ``None`` where there are no more than those.
    """
    recent = list(_four(environment, newest, recent=True)) if newest else [None] * 4
    drawn = [
        _card(name, key, last)
        for name, key, last in zip(
            _DEFINITIONS, _four(environment, whole, recent=False), recent, strict=True
        )
    ]
    days = counted(whole.period.days, "day")
    heading = tag("h3", environment, " ", tag("span", days, class_="dim"))
    return tag("div", heading, tag("div", drawn, class_="keys"), data_keys=environment)


def _card(name: str, key: _Key, recent: _Key | None) -> Html:
    newer = ""
    if recent is not None:
        newer = tag(
            "p",
            f"last {RECENT} days: ",
            tag("a", recent.value, href=recent.href),
            f" ({recent.made_of})",
            class_="dim",
        )
    title = name[0].upper() + name[1:]
    value = tag("a", key.value, href=key.href)
    return tag("div", tag("b", title), value, tag("p", key.made_of), newer, class_="key")


def _four(environment: str, keys: FourKeys, *, recent: bool) -> Iterator[_Key]:
    begin = keys.period.begin if recent else None
    held, failed = len(keys.failure_rate.held), len(keys.failure_rate.failed)
    yield _Key(
        value=rate(len(keys.frequency.rollouts), keys.frequency.days),
        made_of=f"{held:,} held in {counted(keys.frequency.days, 'day')}",
        href=query(env=environment, is_="held", begin=begin),
    )
    lead = keys.lead_time
    yield _Key(
        value=_NONE if lead.median is None else span(lead.median),
        made_of=f"{counted(len(lead.changes), 'change')}{_range(lead.changes)}",
        href=query(env=environment, is_="change", begin=begin),
    )
    share_ = keys.failure_rate.rate
    yield _Key(
        value=_NONE if share_ is None else share(share_),
        made_of=f"{failed:,} of {counted(held + failed, 'rollout')}",
        href=query(env=environment, is_="failed", begin=begin),
    )
    restore = keys.restore
    still = f", {len(restore.open):,} not yet" if restore.open else ""
    yield _Key(
        value=_NONE if restore.median is None else span(restore.median),
        made_of=f"{counted(len(restore.failures), 'failure')}{_range(restore.failures)}{still}",
        href=query(env=environment, is_="failed", begin=begin),
    )


def _range(values: tuple[Timed, ...]) -> str:
    seconds = [each.seconds for each in values if each.seconds is not None]
    return f", {span(min(seconds))} to {span(max(seconds))}" if len(seconds) > 1 else ""


def definitions() -> Html:
    """What each key means here, and where it comes from."""
    terms = [(tag("dt", name), tag("dd", words)) for name, words in _DEFINITIONS.items()]
    source = tag("p", "After ", web(_SOURCE, "DORA's definitions"), ", as records can tell them.")
    return tag("details", tag("summary", "How they are counted"), tag("dl", terms), source)
