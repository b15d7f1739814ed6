import types

import pytest

from sandbox.engine.patching import PINNED, SourceChanged, digest, replace


def seen():
    return "what we saw"


def test_a_function_we_know_is_replaced_and_handed_back():
    module = types.ModuleType("theirs")
    module.private = seen
    assert replace(module, "private", lambda: "ours", digest(seen)[:12]) is seen
    assert module.private() == "ours"


@pytest.mark.parametrize("known", ["0" * 12, digest(seen)[:4]])
def test_a_function_we_do_not_know_is_left_and_the_error_names_the_cure(known):
    module = types.ModuleType("theirs")
    module.private = seen
    with pytest.raises(SourceChanged, match=f"theirs.private .* install ministack=={PINNED}"):
        replace(module, "private", lambda: "ours", known)
    assert module.private is seen
