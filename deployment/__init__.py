"""What ``build.py deploy``, ``status`` and ``destroy`` do: the one part of this project that asks AWS for changes.

A deployment is a set of stacks (``blueprints.order``). ``survey`` finds what is there, ``plan`` says what would change,
``deploy`` makes it so, ``status`` and ``destroy`` are the rest of its life. Nothing is remembered between two runs:
what a run needs to know it asks AWS for, so that any run may be interrupted and followed by another, from another
machine. The local run deploys with the same code.
"""
