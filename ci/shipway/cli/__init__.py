"""What stands behind each task: one file for each, named as the task."""
