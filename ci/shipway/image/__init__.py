"""The image: built once, known by its digest, put where the environment keeps its images."""
