"""Who asks, and may they? The trigger, the release contract, and the decision."""
