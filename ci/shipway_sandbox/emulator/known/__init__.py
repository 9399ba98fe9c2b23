"""What is known of the embedded AWS: a file for each of its parts, corrected or not supported.

Who corrects something adds a :class:`~shipway_sandbox.emulator.difference.KnownDifference` in the
file of its part, in order of name, with AWS's page (``source``) and the test that fails without it
(``test``); what is left as it is goes into :mod:`.unsupported`. ``nox -s generate`` then writes
``docs/sandbox.md``.
"""
