"""How soon the end of a rollout is told, at ECS's real pace: thousands of them, simulated.

``python benchmarks/pace.py`` needs neither AWS nor a sandbox: the product's own watch loop runs
against a scripted ECS and a scripted clock. ``--help`` tells the options.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Run as a script, Python looks beside this file only; the modules are a package of the repository.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.pacing.command import main  # the path above comes first

if __name__ == "__main__":
    sys.exit(main())
