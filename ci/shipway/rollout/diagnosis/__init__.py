"""Why a rollout failed, and the likeliest next step. Pure."""
