"""Jobs: a task that runs to its end, once for each release, and how it ended."""
