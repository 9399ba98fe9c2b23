"""What was seen of a repository and of its account, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shipway.config.inventory import LiveService


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerfile:
    """One Dockerfile, and what its last stage says of the service.

    Attributes:
        path: From the repository's root.
        context: The folder that its COPY instructions mean, from the repository's root.
        port: The first port of EXPOSE; 0 without one.
        health_path: The path that HEALTHCHECK asks for; empty without one.
        user: USER; empty where it runs as root.
        others: The other Dockerfiles of the repository, which this delivery leaves alone.
    """

    path: str
    context: str = "."
    port: int = 0
    health_path: str = ""
    user: str = ""
    others: tuple[str, ...] = ()

    @property
    def within_context(self) -> str:
        """Its path from the context, as delivery.toml names it."""
        return self.path if self.context == "." else self.path.removeprefix(f"{self.context}/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """Where the repository lies.

    Attributes:
        repository: ``OWNER/NAME``.
        host: ``github.com``, or the name of a GitHub Enterprise Server.
        branch: The default branch.
    """

    repository: str
    host: str
    branch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """What was seen of one AWS account.

    Attributes:
        account: Twelve digits.
        region: The region that was looked at.
        services: Every service, as ``CLUSTER/SERVICE``.
        live: The service that is to be delivered to; ``None`` where none could be told.
        published: Values by the reference that delivery.toml would hold.
    """

    account: str
    region: str
    services: tuple[str, ...] = ()
    live: LiveService | None = None
    published: Mapping[str, str] = field(default_factory=dict)

    def named(self, value: str, environment: str) -> str:
        """The reference that publishes a value, or the value itself where none does.

        Among several, one that names the environment wins, then the shortest.
        """
        names = [name for name, text in self.published.items() if text and text == value]
        ranked = sorted(names, key=lambda name: (environment not in name, len(name), name))
        return ranked[0] if ranked else value

    def beside(self, values: Sequence[str], word: str) -> str:
        """A reference that holds a word, published where those of these values are; may be empty.

        A service that still runs what its stack was made with has no image in ECR: only what is
        published beside its name tells the repository then.
        """
        places = {_place(name) for name, text in self.published.items() if text in values}
        names = [
            name
            for name in self.published
            if _place(name) in places and word in name[len(_place(name)) :].lower()
        ]
        return min(names, key=lambda name: (len(name), name), default="")


def _place(reference: str) -> str:
    """The path of a parameter, or the stack of an output."""
    return reference.rpartition("/" if reference.startswith("ssm:") else ".")[0]
