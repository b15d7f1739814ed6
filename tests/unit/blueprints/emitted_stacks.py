"""The stacks of a deployment, built once for all tests that ask what they cost."""

import functools

import build
from blueprints.costs.deployed import resources


@functools.cache
def templates(of):
    """Every template of the deployment with the settings *of*."""
    return build.templates(of)


@functools.cache
def emitted(of):
    """Every resource of it, in each region."""
    return tuple(resources(of, templates(of)))
