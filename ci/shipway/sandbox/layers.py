"""The environments of the sandbox, each in an account of its own, as at AWS."""

from __future__ import annotations

from typing import Final

from shipway.sandbox.compute import Layer

GITHUB: Final = "example/shop"
"""``owner/name`` of the repository that the sandbox's GitHub speaks for."""
LAPTOP: Final = f"repo:{GITHUB}:environment:local"
"""The subject under which a person at a keyboard gets the local environment's role."""

LAYERS: Final = (
    Layer(environment="local", repository="shop-local", subjects=(LAPTOP,), github=GITHUB),
    Layer(
        environment="staging",
        repository="shop-staging",
        subjects=(f"repo:{GITHUB}:ref:refs/heads/main", f"repo:{GITHUB}:environment:staging"),
        github=GITHUB,
    ),
    Layer(
        environment="production",
        repository="shop-production",
        subjects=(f"repo:{GITHUB}:environment:production",),
        github=GITHUB,
    ),
)
"""The compute layer of each."""
