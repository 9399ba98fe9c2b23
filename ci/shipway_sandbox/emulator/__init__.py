"""MiniStack, corrected in-process until it behaves as AWS does where a rollout can tell.

One file corrects one part of AWS. Every difference stands in :mod:`.known_differences` with its
reason, and can be switched off by name so that a test can show that it matters. Most modules here
import :mod:`ministack`, which reads its settings from the environment while it is imported: only
:mod:`shipway_sandbox.emulator.hosting` decides when that happens.
"""
