"""The rollout: pin a task definition, update the service, watch, judge, explain."""
