"""What MiniStack answered, made into what AWS would have answered, on its way out.

All of it is pure: an operation, its parameters and an answer in, an answer out. :mod:`.revise` has
the order; what it needs to know of each service stands in the tables of :mod:`.empty` and
:mod:`.paging`.
"""
