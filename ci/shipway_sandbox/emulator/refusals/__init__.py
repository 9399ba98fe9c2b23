"""What ECS refuses: a rule looks at a request and says, in ECS's words, why it is not done.

A refusal is decided from the request, and from the task definition, service or cluster that it
names; nothing is changed. Each stands in the list of corrections, and is out of force where its
correction is left out.
"""
