"""The one door to the embedded world, which is a distribution of its own: ``shipway_sandbox``."""
