"""Telling others how a delivery goes: what is said, to which addresses, how often."""
