"""After success: whether a release is still good some time later."""
