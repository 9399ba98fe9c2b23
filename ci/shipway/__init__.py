"""shipway: one path from a commit to a healthy Amazon ECS service.

The same code walks it on a laptop and in GitHub Actions:
trigger → release contract → environment → image → rollout → verification → evidence.
"""

__version__ = "0.1.0"
