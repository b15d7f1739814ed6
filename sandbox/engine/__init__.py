"""The embedded AWS of the local run: MiniStack in a process of its own, made stricter by the modules of this package.

Nothing here is imported by what we deploy. ``python -m sandbox.engine`` is started by ``sandbox.server.Engine``.
"""
