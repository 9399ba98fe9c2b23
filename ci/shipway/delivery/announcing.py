"""Tell whoever is to know how a delivery goes, beside it: never in its way, never its verdict.

That it began is told while it goes on; how it ended once the record is written. Nobody who does not
take it fails a delivery: that is one line for a person, and stands in the record or beside it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shipway.config.environment import Environment
from shipway.config.notify import NotifyEvent
from shipway.delivery.contract import Authorization
from shipway.delivery.ports import DeliveryContext
from shipway.evidence.canonical_json import canonical, to_json
from shipway.evidence.facts.announcement import AnnouncementFact
from shipway.evidence.facts.rollout import ServiceFact
from shipway.evidence.journal import Journal, JournalContents
from shipway.evidence.predicate import DeliveryFacts
from shipway.notify.channel import IN_A_HURRY, SECONDS, Channel, Telling
from shipway.notify.github import GithubChannel
from shipway.notify.news import News, ServiceNews, Told
from shipway.notify.webhook import Webhook
from shipway.observer import Noticed
from shipway.redact import HIDDEN
from shipway.util.loopback import aws_is_here, is_loopback, parts

STAGE: Final = "notify"
FILE: Final = "announced.json"
"""What lies beside a record: who was told how it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a delivery ended.

    Attributes:
        kind: As machines read it; ``succeeded`` for a good end.
        exit_code: The process's.
        text: For a person, the reason included.
        hurry: Whether somebody waits for our end.
    """

    kind: str
    exit_code: int
    text: str
    hurry: bool = False


class Announcer:
    """Tells of one delivery.

    Args:
        environment: Where it goes.
        authorization: Who asks.
        context: The outside.
        journal: Knows what there is to tell.
    """

    def __init__(
        self,
        environment: Environment,
        authorization: Authorization,
        context: DeliveryContext,
        journal: Journal,
    ) -> None:
        self._environment = environment
        self._authorization = authorization
        self._context = context
        self._journal = journal
        self._channels = tuple(_channels(environment, authorization, context))
        self._first: Telling | None = None

    @property
    def url(self) -> str:
        """Where people see what was delivered; empty where nothing says it, or it is secret."""
        services = self._environment.services
        url = next((service.url for service in services if service.url), "")
        shown = self._journal.contents().mask.text(url)
        return "" if HIDDEN in shown else url

    def started(self) -> None:
        """Tell that the rollout begins; comes back at once."""
        if self._channels and self._first is None:
            news = self._news(End(kind="", exit_code=0, text=""), "started")
            self._first = Telling(news, self._channels)

    def note(self) -> None:
        """Let the record hold who was told so far; nobody is waited for."""
        if self._first is not None:
            told = self._first.result(0.0, time.monotonic)
            self._journal.note_all(AnnouncementFact, map(_fact, told))

    def ended(self, end: End) -> Mapping[str, bytes]:
        """Tell how it ended; the file for the record's folder, none where nobody is told.

        Raises nothing, and takes no longer than :data:`shipway.notify.channel.SECONDS`.
        """
        if not self._channels:
            return {}
        news = self._news(end, _event(end, self._journal.contents().facts))
        telling = Telling(news, self._channels, self._first)
        told = telling.result(IN_A_HURRY if end.hurry else SECONDS, time.monotonic)
        before = self._first.result(0.0, time.monotonic) if self._first is not None else ()
        told = self._masked(told)
        self._warn((*self._masked(before), *told))
        return {FILE: canonical(to_json([_fact(each) for each in told]))} if told else {}

    def _masked(self, told: Sequence[Told]) -> tuple[Told, ...]:
        masked: tuple[Told, ...] = self._journal.contents().mask.deep(tuple(told))
        return masked

    def _warn(self, told: Sequence[Told]) -> None:
        """One line for each who was not told something; the last reason is the one that counts."""
        bad = {each.receiver: each for each in told if not each.good}
        for receiver, each in bad.items():
            text = f"was not told ({each.event}): {each.text}; the delivery is as it is"
            self._journal(Noticed(stage=STAGE, subject=receiver, text=text, level="warning"))

    def _news(self, end: End, event: NotifyEvent) -> News:
        contents = self._journal.contents()
        trigger, environment = self._authorization.trigger, self._environment
        services = tuple(_services(environment, contents))
        going_back = event == "rolled-back"
        news = News(
            event=event,
            application=self._authorization.declared.name,
            environment=environment.name,
            started=contents.started,
            at=self._context.clock.now(),
            commit=contents.commit.sha,
            actor=trigger.triggering_actor or trigger.actor,
            repository=trigger.repository or contents.commit.remote,
            run=trigger.url,
            images=tuple(map(str, contents.images.values())),
            services=() if going_back else services,
            back=services if going_back else tuple(_back(contents.facts)),
            url=self.url,
            kind=end.kind,
            exit_code=end.exit_code,
            text=end.text,
        )
        masked: News = contents.mask.deep(news)
        return masked


def _channels(
    environment: Environment, authorization: Authorization, context: DeliveryContext
) -> Iterator[Channel]:
    # A rehearsal is no news: from a sandbox only a server of this machine is told anything.
    here = aws_is_here(context.variables)
    for receiver in environment.notify:
        if here and not is_loopback(parts(receiver.url)):
            continue
        yield Webhook(receiver, context.poster, context.clock)
    source = authorization.contract.source
    opened = context.deployments
    told = source is not None and source.deployments and not (here or environment.sandbox)
    if source is not None and told and opened is not None:
        name = authorization.environment_policy.github_environment
        run = authorization.trigger.url if name else ""
        yield GithubChannel(opened(source.repository), name or environment.name, run)


def _event(end: End, facts: DeliveryFacts) -> NotifyEvent:
    if end.exit_code:
        return "failed"
    return "delivered" if facts.went_back is None else "rolled-back"


def _services(environment: Environment, contents: JournalContents) -> Iterator[ServiceNews]:
    """Every service with the image that it is to run."""
    rolled = {fact.key: fact for fact in contents.facts.services}
    for service in environment.services:
        image = contents.images.get(service.image, "")
        fact = rolled.get(service.key, ServiceFact(key=service.key))
        yield ServiceNews(
            key=service.key,
            service=service.service,
            image=str(image),
            task_definition=fact.task_definition,
        )


def _back(facts: DeliveryFacts) -> Iterator[ServiceNews]:
    """What runs again what it ran before: ECS put it back, or we did."""
    put_back = {fact.key for fact in facts.put_back if fact.end == "put back"}
    for fact in facts.services:
        by_ecs = fact.conclusion is not None and fact.conclusion.rolled_back
        if by_ecs or fact.key in put_back:
            yield ServiceNews(
                key=fact.key,
                service=fact.service,
                image=fact.previous_image,
                task_definition=fact.previous_task_definition,
            )


def _fact(told: Told) -> AnnouncementFact:
    return AnnouncementFact(
        receiver=told.receiver, event=told.event, good=told.good, text=told.text
    )
