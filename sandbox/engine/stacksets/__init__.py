"""StackSets of CloudFormation: their API, the operations behind it, and the resource type.

``api``, ``imports`` and ``reading`` take the calls (in the form that ``wire`` gives them), ``requests`` and ``targets``
find out what and where, ``store`` remembers, ``operations`` goes through regions and accounts, and ``stacks`` does it
to one stack, as whom ``roles`` says. ``resource`` is the type for templates.
"""

from sandbox.engine.stacksets.api import install

__all__ = ["install"]
