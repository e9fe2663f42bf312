"""No leftovers: marks of unfinished work, one machine's paths, tabs, trailing space, blobs."""

import re

from tree import Finding

NAME = 'no leftovers'

BINARY_BYTES_MAX = 1 << 20
README_LINES_MAX = 150

# The brackets keep this file from finding itself.
LINE_RULES = (
    (re.compile(r'\b(FIX[M]E|X[X]X|TO[D]O)\b'), 'finish it, or open an issue'),
    (re.compile(r'(?<![\w.])/(?:home|root|work)/'), 'a path of one machine: use a relative one'),
    (re.compile(r'\t'), 'tab: use spaces'),
    (re.compile(r'[ \r]+$'), 'white space at the end of the line: delete it'),
)

# Texts of others, and files that hold exactly the bytes a test needs.
EXEMPT = re.compile(r'(^|/)(LICENSE|corpus/.*|[^/]*\.pcap)$')


def is_binary(content):
    return b'\0' in content[:8192]


def check_line_rule(path, lines, pattern, remedy):
    """At most one finding a file and rule: the first, and how many lines have it too."""
    hits = [number for number, line in enumerate(lines, start=1) if pattern.search(line)]
    if not hits:
        return []
    shown = pattern.search(lines[hits[0] - 1])[0].strip()
    message = f'{shown}: {remedy}' if shown else remedy
    if len(hits) > 1:
        message += f' (and on {len(hits) - 1} more lines)'
    return [Finding(path, hits[0], message)]


def check_text(path, text):
    lines = text.split('\n')
    findings = []
    for pattern, remedy in LINE_RULES:
        findings += check_line_rule(path, lines, pattern, remedy)
    if path == 'README.md' and len(lines) - 1 > README_LINES_MAX:
        findings.append(Finding(path, README_LINES_MAX + 1,
                                f'{len(lines) - 1} lines, at most {README_LINES_MAX}: '
                                'move the rest to docs/'))
    return findings


def check(tree, _options):
    findings = []
    for path in tree.paths:
        content = tree.bytes(path)
        if is_binary(content):
            if len(content) > BINARY_BYTES_MAX:
                findings.append(Finding(path, 1, f'a binary of {len(content)} bytes, at most '
                                                 f'{BINARY_BYTES_MAX}: make it in the test'))
        elif not EXEMPT.search(path):
            findings += check_text(path, content.decode('utf-8', errors='replace'))
    return findings
