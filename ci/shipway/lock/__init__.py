"""One delivery to an environment at a time: a lease that expires by itself."""
