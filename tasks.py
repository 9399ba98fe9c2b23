"""The tasks of this repository: ``inv -l`` lists them."""

from shipway.tasks import namespace

__all__ = ["namespace"]
