// Nothing yet: what is looked at comes later.
