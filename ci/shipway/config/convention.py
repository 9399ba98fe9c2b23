"""The names by which infrastructure publishes what nobody has said otherwise. Pure."""

from __future__ import annotations


def published(name: str, environment: str, *what: str) -> str:
    """The reference of a thing of an environment: ``ssm:/NAME/ENVIRONMENT/cluster``.

    Args:
        name: What is delivered, as delivery.toml names it.
        environment: The environment.
        what: The thing; of a service beside the first one its key comes in front.
    """
    return f"ssm:/{'/'.join((name, environment, *what))}"
