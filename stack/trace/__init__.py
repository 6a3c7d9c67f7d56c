"""Looking into the stack while it works: the doors a packet goes through, and who listens at them.

None of the stack's own code knows of this: it costs nothing unless somebody looks.
"""
