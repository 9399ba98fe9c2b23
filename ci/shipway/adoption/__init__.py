"""Bringing shipway into somebody's repository: look, decide, write; and pin what was brought."""
