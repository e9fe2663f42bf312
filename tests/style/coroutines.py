"""No co_await in a condition: g++ 12 lays out the frames of such coroutines wrongly."""

import re

from tree import Finding

NAME = 'no co_await in a condition'

OPENING = re.compile(r'\b(?:if|while|switch|for)\s*(?:constexpr\s*)?\(')


def condition(code, begin):
    """The text of the parentheses that open just before `begin`."""
    depth = 1
    for index in range(begin, len(code)):
        depth += {'(': 1, ')': -1}.get(code[index], 0)
        if depth == 0:
            return code[begin:index]
    return code[begin:]


def check(tree, _options):
    findings = []
    for source in tree.sources:
        for match in OPENING.finditer(source.code):
            line = source.code.count('\n', 0, match.start()) + 1
            if 'co_await' in condition(source.code, match.end()) and not source.has_reason(line):
                findings.append(Finding(source.path, line,
                                        'name the result first: const auto result = co_await ...'))
    return findings
