"""git: what commit this is, and what git and origin know of commits, branches and tags."""
