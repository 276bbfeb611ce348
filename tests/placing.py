"""Which tests may not run beside each other."""

import re

STACK = re.compile(r"pytest\.mark\.stack|^def test_\w+\([^)]*\b(loop_)?stack\b", re.M)


def needs_the_stack(path):
    """Whether a file of tests starts the real stack, as far as its text says."""
    return path.parent.name == "browser" or bool(STACK.search(path.read_text()))
