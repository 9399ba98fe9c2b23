"""The sessions of this repository: an isolated environment, then the task of the same name."""
