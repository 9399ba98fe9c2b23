"""The judge: what a look at ECS means. Pure; every input is a value, the time included."""
