"""Evidence: what was delivered, by whom, from which commit, how it ended, and what shows it."""
