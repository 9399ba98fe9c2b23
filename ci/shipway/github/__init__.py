"""GitHub as a job reaches it: the token it signs, and whether it signed it for us."""
