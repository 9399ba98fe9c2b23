"""ECR's scan calls: placeholder until the outcomes are filled in below."""
