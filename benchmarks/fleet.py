"""What a release of a hundred services takes: calls, round trips one behind another, and seconds.

``python benchmarks/fleet.py`` needs neither AWS nor a sandbox: the product's own stages and its
adapter of the AWS SDK run against an ECS in memory. ``--help`` tells the options.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Run as a script, Python looks beside this file only; the modules are a package of the repository.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.fleets.command import main  # the path above comes first

if __name__ == "__main__":
    sys.exit(main())
