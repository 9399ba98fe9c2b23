"""Tasks that the clock starts: which revision they are to run, and how they are moved to it."""
