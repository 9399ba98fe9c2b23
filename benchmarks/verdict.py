"""Which tool says the truth about a rollout, how late, and at what price: one command, one table.

``python benchmarks/verdict.py`` starts a sandbox of its own, lets every judge deploy every kind of
release to a service of its own, and ends all it started. ``--help`` tells the options.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Run as a script, Python looks beside this file only; the modules are a package of the repository.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.rollouts.command import main  # the path above comes first

if __name__ == "__main__":
    sys.exit(main())
