"""The command line: one file for each task, named as the task."""
