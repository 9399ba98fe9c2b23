"""``[image]`` and ``[images.NAME]``, and what an environment says of an image, as types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from shipway.config.images import HOUR, BuildSecret, ImageSettings, SecretKind, image_name
from shipway.config.names import HOST, REPOSITORY, ArgumentName, Switch, Text
from shipway.config.overlay_table import SecretSource
from shipway.config.rules import Rule, Table, number

Platform = Annotated[
    str,
    Rule(expected='a platform such as "linux/amd64"', shape=r"[a-z0-9]+/[a-z0-9_]+(?:/v[0-9]+)?"),
]
RepositoryName = Annotated[
    str, Rule(expected="an ECR repository's name or URI", shape=rf"(?:{HOST}/)?{REPOSITORY}")
]
RepositoryUri = Annotated[
    str, Rule(expected="an ECR repository's URI", shape=rf"{HOST}/{REPOSITORY}")
]
SecretId = Annotated[
    str,
    Rule(expected="the id of a build secret", shape=r"[A-Za-z0-9_.-]{1,128}", references=()),
]
# Docker's reference, "docker buildx build --build-context": a folder, an image, a layout, a URL.
ContextPlace = Annotated[
    str,
    Rule(
        expected='a folder, "docker-image://…", "oci-layout://…" or the URL of a repository',
        shape=r"[^\x00-\x1f]+",
    ),
]
ContextName = Annotated[
    str,
    Rule(
        expected="the name of a build context",
        shape=r"[a-z0-9](?:[a-z0-9._:/-]{0,126}[a-z0-9])?",
        references=(),
    ),
]
# Amazon S3 User Guide, "General purpose bucket naming rules".
_BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_CACHE = (
    rf"{HOST}/{REPOSITORY}:[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}"
    r"|gha(?::[A-Za-z0-9_.-]{1,64})?"
    rf"|s3://{_BUCKET}(?:/[A-Za-z0-9!_.*'()-]+)*(?:\?region=[a-z0-9-]{{1,32}})?"
    r"|local:[^\x00-\x1f,]+"
)


class BuildSecretTable(Table):
    """A secret that a build may read: `RUN --mount=type=secret,id=…`. No layer keeps it."""

    file: Annotated[str, Rule(expected="a file", shape=r"[^\x00-\x1f,]+", references=())] = Field(
        default="", description="The file that holds it, from the repository's root or `/`."
    )
    env: Annotated[
        str,
        Rule(
            expected="the name of an environment variable",
            shape=r"[A-Za-z_][A-Za-z0-9_]*",
            references=(),
        ),
    ] = Field(default="", description="The variable that holds it where shipway runs.")
    source: SecretSource = Field(
        default="",
        alias="from",
        description="The ARN of a secret of Secrets Manager or of a parameter, or a parameter's "
        "name. The deploy role may read it.",
    )


class ImageTable(Table):
    """What is built: the same for every environment, but for the arguments that one says."""

    context: Annotated[str, Rule(expected="a folder", shape=r"[^\x00-\x1f]+")] = Field(
        default=".", description="The build context, relative to the repository's root."
    )
    dockerfile: Annotated[str, Rule(expected="a file", shape=r"[^\x00-\x1f]+")] = Field(
        default="Dockerfile", description="The Dockerfile, relative to the context."
    )
    target: Annotated[
        str, Rule(expected="the name of a stage", shape=r"[A-Za-z0-9][A-Za-z0-9._-]*")
    ] = Field(
        default="",
        description="The stage of the Dockerfile that is built. Without it the last one.",
    )
    platforms: list[Platform] = Field(
        default=["linux/amd64"],
        min_length=1,
        description="The platforms to build for, as buildx names them.",
    )
    build_args: dict[ArgumentName, Text] = Field(
        default={},
        description="Build arguments; an environment may set further ones. Never secrets: they "
        "stay readable in the image's history.",
    )
    secrets: dict[SecretId, BuildSecretTable] = Field(
        default={},
        description="What the build may read, by its id in the Dockerfile: from a file, a variable "
        "or AWS. It comes into no layer, argument, log or provenance: see [images](images.md).",
    )
    ssh: Annotated[
        str,
        Rule(
            expected='"default", or an id with the path of a key, "ID=PATH"',
            shape=r"[A-Za-z0-9_.-]+(?:=[^\x00-\x1f]+)?",
            references=(),
        ),
    ] = Field(
        default="",
        description="The SSH agent or key that the build may use (`RUN --mount=type=ssh`): "
        "`default` is the agent of `SSH_AUTH_SOCK`.",
    )
    contexts: dict[ContextName, ContextPlace] = Field(
        default={},
        description="Named contexts that `FROM` and `COPY --from` may name: a folder from the "
        "repository's root, `docker-image://…`, `oci-layout://…`, or the URL of a repository.",
    )
    builder: Annotated[
        str,
        Rule(
            expected="a builder's name, or an address that begins with tcp://, unix:// or kube-pod://",
            shape=r"[A-Za-z0-9][A-Za-z0-9_.-]*|(?:tcp|unix|kube-pod)://[!-~]+",
        ),
    ] = Field(
        default="default",
        description="Who builds: `default` is the engine's own BuildKit, `docker-container` one in "
        "a container, a name a builder of `docker buildx ls`, an address a BuildKit elsewhere.",
    )
    cache: Annotated[
        str,
        Rule(
            expected='a cache: HOST/NAME:TAG, "gha", "s3://BUCKET/PREFIX" or "local:FOLDER"',
            shape=_CACHE,
        ),
    ] = Field(
        default="",
        description="Where BuildKit keeps its cache between machines: `HOST/NAME:TAG`, a "
        "repository of its own with mutable tags; `gha` or `gha:SCOPE`, GitHub's; "
        "`s3://BUCKET/PREFIX`, in the environment's region or with `?region=…`; or "
        "`local:FOLDER`. A cache that fails is told and never fails a build.",
    )
    reuse: Switch = Field(
        default=True,
        description="Take the image that was built from the same source instead of building it "
        "again. See [the content key](image.md).",
    )
    artifacts: list[
        Annotated[
            str,
            Rule(expected="a file, a folder or a pattern", shape=r"[^\x00-\x1f!#][^\x00-\x1f]*"),
        ]
    ] = Field(
        default=[],
        description="What a step before the build made and git ignores, to be in the context all "
        "the same: patterns as `.dockerignore` has them, relative to the context, such as "
        "`target/*.jar`. See [what is built](image.md#what-is-built).",
    )
    timeout: Annotated[int, number("seconds", 1, 86400)] = Field(
        default=HOUR, description="Seconds that the build may take. Then it is ended, and failed."
    )


class EnvironmentImageTable(Table):
    """What an environment says of one of `[images]`."""

    repository: RepositoryName = Field(
        description="The ECR repository of this image: its name (`repositoryName`) or its URI. No "
        "two images share one."
    )
    build_args: dict[ArgumentName, Text] = Field(
        default={},
        description="Build arguments of this environment, which go before those of the image.",
    )
    promote_repository: RepositoryUri = Field(
        default="",
        description="The URI of its repository in the environment of `promote_from`, where that is "
        "published in its own account only.",
    )


def image_settings(
    project: str, key: str, table: ImageTable, build_args: Mapping[str, str], region: str
) -> ImageSettings:
    """A table as a value.

    Args:
        project: ``name`` at the top of delivery.toml.
        key: Its name under ``[images]``; empty for the one image.
        table: What it says.
        build_args: What the environment says, which goes before what the image says.
        region: The environment's, for a cache in S3; empty where that is not known.
    """
    return ImageSettings(
        name=image_name(project, key),
        context=table.context,
        dockerfile=table.dockerfile,
        platforms=tuple(table.platforms),
        build_args={**table.build_args, **build_args},
        builder=table.builder,
        cache=table.cache,
        reuse=table.reuse,
        key=key,
        target=table.target,
        secrets=tuple(_secret(name, each) for name, each in table.secrets.items()),
        ssh=table.ssh,
        contexts=dict(table.contexts),
        timeout=table.timeout,
        region=region,
        artifacts=tuple(table.artifacts),
    )


def _secret(name: str, table: BuildSecretTable) -> BuildSecret:
    sources: dict[SecretKind, str] = {
        "file": table.file,
        "variable": table.env,
        "reference": table.source,
    }
    kind, source = next((kind, text) for kind, text in sources.items() if text)
    return BuildSecret(id=name, kind=kind, source=source)
