"""What stands behind ``inv audit``: the history, all that is known of a digest, and the check."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shipway import wiring
from shipway.adapters.keyfile import PublicKey
from shipway.cli import audit_account as asking
from shipway.cli import audit_matrix, audit_page, audit_registry
from shipway.cli.audit_page import Sources, Verified
from shipway.cli.run_command import run_command
from shipway.config import load as delivery_file
from shipway.config import resolve
from shipway.console import Console
from shipway.errors import (
    ConfigurationError,
    EvidenceError,
    ImageNotFoundError,
    ShipwayError,
    UsageError,
)
from shipway.evidence import archive, copies, history, memory, remote
from shipway.evidence.archive import Archive, Parse
from shipway.evidence.outline import outlined
from shipway.evidence.remote import RemoteChain
from shipway.evidence.report.amounts import counted
from shipway.evidence.shared import ObjectStore, SharedPlace
from shipway.evidence.verify import ChainFinding, Checked, check
from shipway.git import checkout
from shipway.util.paths import evidence_folder

_S3: Final = "s3://"
_IMAGES: Final = 20
"""Images that a check looks up in their registry: the newest ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What was asked for on the command line.

    Attributes:
        env: Only deliveries to this environment.
        digest: Everything known of this image.
        verify: Check the chain.
        matrix: Judge the acceptance criteria: of a rehearsal anew, or from deliveries.
        offline: Ask no AWS.
        evidence: Another folder than the repository's own, or ``s3://BUCKET/PREFIX``.
        key: A public key's file, with which records' signatures are checked.
        head: A SHA-256 that a job's summary shows, which some chain must have.
        html: A file for the page of all deliveries.
    """

    env: str = ""
    digest: str = ""
    verify: bool = False
    matrix: bool = False
    offline: bool = False
    evidence: str = ""
    key: str = ""
    head: str = ""
    html: str = ""


def run(question: Question, *, json: bool, account: asking.Open = wiring.account) -> int:
    """Answer; 50 where the evidence does not hold."""

    def work(console: Console) -> int:
        return _Audit(question, console, account).answer()

    return run_command(work, interrupted="nothing was changed", json=json)


class _Audit:
    def __init__(self, question: Question, console: Console, account: asking.Open) -> None:
        self._question = question
        self._console = console
        self._account = account

    def answer(self) -> int:
        question = self._question
        root = self._root()
        if question.matrix:
            return audit_matrix.answer(
                root,
                self._top,
                self._remotes,
                named=question.evidence,
                console=self._console,
            )
        if question.head and not question.verify:
            raise UsageError("--head asks for --verify", remedy="give both")
        if question.html and question.digest:
            raise UsageError(
                "--html and --digest are two answers",
                remedy="give one of them; the page is searched by digest",
            )
        remotes = self._remotes()
        evidence = self._folder(root, remotes)
        every = archive.joined(evidence, {chain.place.s3: chain.archive for chain in remotes})
        verified = self._verified(evidence, remotes) if question.verify else None
        if question.html:
            self._page(evidence, remotes, verified)
        elif question.digest:
            self._digest(every)
        elif not question.verify or question.env:
            self._history(every)
        return self._conclude(evidence, verified) if verified else 0

    def _page(
        self, evidence: Archive, remotes: Sequence[RemoteChain], verified: Verified | None
    ) -> None:
        question = self._question
        beside: tuple[Archive, ...] = ()
        if not (question.offline or question.evidence):
            declared = self._top() / "ci" / "delivery.toml"
            beside = tuple(audit_registry.archives(declared, self._account, self._console.say))
        sources = Sources(here=evidence, chains=remotes, beside=beside, verified=verified)
        count = audit_page.write(Path(question.html), sources, env=question.env)
        self._console.say(f"✓ {question.html}: {counted(count, 'delivery', 'deliveries')}")

    def _root(self) -> Path:
        evidence = self._question.evidence
        if evidence and not evidence.startswith(_S3):
            return Path(evidence)
        if evidence:
            return Path(os.devnull)  # only what lies in S3 was asked for
        return evidence_folder(self._top(), os.environ)

    def _folder(self, root: Path, remotes: Sequence[RemoteChain]) -> Archive:
        """What lies here; a fresh clone has nothing yet, and may look at what lies in S3."""
        if remotes and not root.is_dir():
            return archive.empty(root)
        return archive.read(root, whole=self._whole, parse=self._parse)

    @staticmethod
    def _top() -> Path:
        return Path(os.path.relpath(checkout.root(Path.cwd())))

    def _remotes(self) -> tuple[RemoteChain, ...]:
        """The chains in S3: those that delivery.toml names, or those below ``--evidence``.

        What cannot be asked is said, not judged, but for what was named on the command line.
        """
        named = self._question.evidence
        if named.startswith(_S3):
            objects = self._account(asking.region()).objects
            return tuple(
                self._read(objects, SharedPlace(s3=named, environment=name))
                for name in remote.environments(objects, named)
            )
        if named or self._question.offline:
            return ()
        return tuple(self._declared(self._top() / "ci" / "delivery.toml"))

    @property
    def _whole(self) -> bool:
        return self._question.verify or self._question.matrix

    @property
    def _parse(self) -> Parse:
        """A page shows little of many records; everything else reads them wholly."""
        return outlined if self._question.html and not self._whole else archive.parsed

    def _read(self, objects: ObjectStore, place: SharedPlace) -> RemoteChain:
        return remote.read(objects, place, whole=self._whole, parse=self._parse)

    def _declared(self, file: Path) -> Iterator[RemoteChain]:
        try:
            declared = delivery_file.load(file)
        except ConfigurationError:
            return  # an audit asks for records, not for it
        s3 = declared.document.table.get("evidence", {}).get("s3", "")
        if not s3.startswith(_S3):
            if s3:
                self._console.say(f"· {s3} is looked up by deliveries: give --evidence s3://…")
            return
        for name in declared.names:
            place = SharedPlace(s3=s3, environment=name)
            try:
                destination = resolve.find(declared.environment(name), os.environ)
                account = self._account(destination.region)
                yield self._read(account.objects, place)
            except ShipwayError as error:
                self._console.say(f"· {name}: the chain in S3 cannot be asked: {error.what}")

    def _history(self, evidence: Archive) -> None:
        rows = [
            (
                recorded.started[:19].replace("T", " "),
                recorded.environment or "-",
                recorded.who,
                history.short(recorded.what) or "-",
                recorded.source,
                recorded.kind,
                recorded.record,
            )
            for recorded in history.deliveries(evidence, self._question.env)
        ]
        if not rows and self._question.env and not self._question.evidence:
            see_declared(self._question.env, self._top() / "ci" / "delivery.toml")
        where = f" to {self._question.env}" if self._question.env else ""
        columns = ("when (UTC)", "to", "who", "what", "from", "verdict", "record")
        self._console.table(f"{len(rows)} deliveries{where}", columns, rows)

    def _digest(self, evidence: Archive) -> None:
        digest = _digest_of(self._question.digest, evidence)
        deliveries = history.deliveries(evidence)
        known = history.known_of(digest, deliveries)
        if not known:
            raise ImageNotFoundError(
                f"no record speaks of {digest}",
                where=evidence.root,
                remedy="see the digests in the history: nox -s audit",
            )
        rows = [(fact.subject, fact.text, fact.record) for fact in known]
        if not self._question.offline:
            rows.extend(asking.running(digest, deliveries, self._account))
        self._console.table(digest, ("what", "how", "record"), rows)

    def _verified(self, evidence: Archive, remotes: Sequence[RemoteChain]) -> Verified:
        """Check every chain; what does not hold is found here and told later."""
        key = PublicKey(Path(self._question.key)) if self._question.key else None
        root = Path(evidence.root)
        below = archive.chains(root) if root.is_dir() else ()
        checked = check(evidence, key)
        others = {
            folder.relative_to(root).as_posix(): check(archive.read(folder), key)
            for folder in below
        }
        shared = {str(chain.place): remote.verify(chain, key) for chain in remotes}
        findings = [
            *checked.findings,
            *self._remembered(evidence, checked, others, remotes),
            *_named(others),
            *_named(shared),
        ]
        if self._question.head:
            everything = (checked, *others.values(), *shared.values())
            findings.extend(memory.told(self._question.head, everything))
        if not self._question.offline:
            findings.extend(self._registry(evidence, checked))
        return Verified(own=checked, others=others, shared=shared, findings=tuple(findings))

    def _conclude(self, evidence: Archive, verified: Verified) -> int:
        signed = bool(self._question.key)
        checked, findings = verified.own, verified.findings
        if not findings:
            self._copy_again(evidence, checked)
            further = {**verified.others, **verified.shared}
            if checked.links or not further:
                self._console.say(_told("", checked, signed=signed))
            for name, other in further.items():
                self._console.say(_told(name, other, signed=signed))
            return 0
        rows = [(finding.kind, finding.path, finding.why) for finding in findings]
        self._console.table("what does not hold", ("what", "file", "why"), rows)
        single = len(findings) == 1
        raise EvidenceError(
            "one thing in the evidence is not as it was written"
            if single
            else f"{len(findings)} things in the evidence are not as they were written",
            where=evidence.root if Path(evidence.root).is_dir() else self._question.evidence,
            remedy="compare with the copies in S3 and in the registry; whoever can write that "
            "folder may have done this",
        )

    @staticmethod
    def _remembered(
        evidence: Archive,
        checked: Checked,
        others: Mapping[str, Checked],
        remotes: Sequence[RemoteChain],
    ) -> Iterator[ChainFinding]:
        """What copies and summaries have, and the folder has no more."""
        root = Path(evidence.root)
        for chain in remotes:
            yield from memory.lost(checked.links, memory.followers(chain))
        copied = {link.record: copies.read(root / link.folder) for link in checked.links}
        yield from memory.forgotten(copied, remotes)
        for name, each in {"": checked, **others}.items():
            matrix = root / name / memory.MATRIX
            if matrix.is_file():
                yield from memory.summarised(name, matrix.read_bytes(), each)

    def _copy_again(self, evidence: Archive, checked: Checked) -> None:
        """Make the copies that failed when their delivery ended; only of a chain that holds."""
        root = Path(evidence.root)
        for link, copy in copies.unmade(root, checked.links):
            if self._question.offline:
                self._console.say(f"· {link.record}: {copy.place} is {copy.state}: {copy.why}")
                continue
            record = evidence.statements.get(link.record)
            place = asking.place_of(history.row(link.record, record)) if record else None
            if place is None:
                continue
            account = self._account(place.region)
            copier = asking.copier_of(copy.place, place, account)
            for copied in copies.make(root / link.folder, link, (copier,), later=False):
                if copied.place == copy.place:
                    why = f": {copied.why}" if copied.why else ""
                    self._console.say(f"· {link.record}: {copied.place} is {copied.state}{why}")

    def _registry(self, evidence: Archive, checked: Checked) -> Iterator[ChainFinding]:
        """Tags that point elsewhere than records say; what cannot be asked is said, not judged."""
        seen: set[str] = set()
        newest = [
            recorded
            for recorded in reversed(history.deliveries(evidence))
            if asking.image_of(recorded)
        ]
        for recorded in newest[:_IMAGES]:
            place, image = asking.place_of(recorded), asking.image_of(recorded)
            if place is None or image is None or str(image) in seen:
                continue
            seen.add(str(image))
            tag = recorded.delivery.image.tag if recorded.delivery.image else ""
            try:
                account = self._account(place.region)
                asking.same_account(account, place)
                store = account.repository_at(place, image.repository.partition("/")[2])
                stored = store.find(tag or str(image.digest))
                beside = store.referrers(image.digest) if stored is not None else ()
            except ShipwayError as error:
                self._console.say(f"· {place.name}: the registry cannot be asked: {error.what}")
                return
            if stored is not None and stored.digest != image.digest:
                why = f"the registry has {history.short(str(stored.digest))} under {tag}"
                yield ChainFinding(kind="registry", path=recorded.record, why=why)
            yield from memory.lost(checked.links, asking.attached(beside, str(image)))


def see_declared(environment: str, file: Path) -> None:
    """That an environment of no record is one that deliveries could go to.

    Where the file is missing or wrong nothing is known: an audit asks for records, not for it.

    Raises:
        ConfigurationError: The file has no such environment; the message names the nearest.
    """
    try:
        declared = delivery_file.load(file)
    except ConfigurationError:
        return
    declared.environment(environment)


def _named(chains: Mapping[str, Checked]) -> Iterator[ChainFinding]:
    """Findings of other chains, with the chain before the path."""
    for name, checked in chains.items():
        for finding in checked.findings:
            path = finding.path.removeprefix(f"{name}/")
            yield ChainFinding(kind=finding.kind, path=f"{name}: {path}", why=finding.why)


def _told(name: str, checked: Checked, *, signed: bool) -> str:
    count = len(checked.links)
    records = "1 record" if count == 1 else f"{count} records"
    told = f", {checked.signed} of them signed" if signed else ""
    whose = f"{name}: " if name else ""
    last = f", last sha256:{checked.head}" if count else ""
    return f"✓ {whose}{records} verified{told}{last}"


def _digest_of(beginning: str, evidence: Archive) -> str:
    """The whole digest for its beginning, as a person copies it from a table."""
    wanted = beginning.partition("@")[2] or beginning
    wanted = wanted.rstrip("…")
    wanted = wanted if wanted.startswith("sha256:") else f"sha256:{wanted}"
    every = {
        digest
        for recorded in history.deliveries(evidence)
        for digest in history.mentioned(recorded)
    }
    matching = sorted(digest for digest in every if digest.startswith(wanted))
    if len(matching) > 1:
        raise UsageError(
            f"{beginning} is the beginning of {len(matching)} digests",
            details=tuple(matching[:10]),
            remedy="give more of its digits",
        )
    return matching[0] if matching else wanted
