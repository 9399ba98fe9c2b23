"""The embedded AWS, Docker engine and GitHub: a world to rehearse in, without any account."""
