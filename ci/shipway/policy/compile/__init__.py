"""From the contract to what GitHub and AWS read: workflow, job condition, trust, permissions."""
