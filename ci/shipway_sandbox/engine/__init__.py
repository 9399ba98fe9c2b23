"""The Docker engine of the sandbox: the one that answers, or a private one."""
