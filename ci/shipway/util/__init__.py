"""Small things that know nothing of a delivery: the time, waiting, lock files, folders."""
