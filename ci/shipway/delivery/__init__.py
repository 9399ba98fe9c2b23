"""A delivery: deliver.py is the prose, the other files are its stages in order."""
