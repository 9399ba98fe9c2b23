"""Whether all is there that a delivery will need: pure judgements over what was looked at."""
