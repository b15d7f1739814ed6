"""StackSets of CloudFormation: their API, the operations behind it, and the resource type.

``api`` and ``reading`` take the calls (in the form that ``wire`` gives them), ``targets`` finds out where, ``store``
remembers, ``operations`` goes through regions and accounts, ``stacks`` does it to one stack as whom ``roles`` says.
"""

from sandbox.engine.stacksets.api import install

__all__ = ["install"]
