"""``ci/delivery.toml`` becomes values: read, checked, references collected, resolved.

The way through it::

    delivery  = load(Path("ci/delivery.toml"))          # shipway.config.load; every problem at once
    declared  = delivery.environment("staging")         # unknown name: the nearest one is named
    place     = find(declared, variables)               # shipway.config.resolve; account and region
    wanted    = references(declared)                     # what the infrastructure is to be asked
    answer    = resolve(declared, variables=…, published=…)   # -> Environment, all literals

:mod:`shipway.config.environment` and :mod:`shipway.config.references` hold the values that stages
use and import nothing heavy; pydantic is imported by :mod:`shipway.config.load` and
:mod:`shipway.config.resolve` alone.
"""
