"""A function fits a screen, a file is one noun; longer ones say why."""

import re

from functions import find_functions
from tree import CODE_SUFFIXES, Finding

NAME = 'functions and files are short'

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 500

REASON = re.compile(r'(?://|#)\s*long:\s*\S+')
FILE_REASON_LINES = 5  # a long file says why this near its beginning


def function_has_reason(source, function):
    """Whether `// long: why` stands in the signature, after its brace, or in the comment above."""
    signature = source.lines[function.first - 1:function.opening]
    above = []
    number = function.first - 1
    while number > 0 and source.lines[number - 1].lstrip().startswith('//'):
        above.append(source.lines[number - 1])
        number -= 1
    return any(REASON.search(line) for line in signature + above)


def check_functions(source):
    for function in find_functions(source.code):
        if function.length > FUNCTION_LINES_MAX and not function_has_reason(source, function):
            yield Finding(source.path, function.first,
                          f'{function.name} has {function.length} lines, at most '
                          f'{FUNCTION_LINES_MAX}: split it, or say `// long: why` above it')


def check_file(path, text):
    lines = text.count('\n')
    head = text.split('\n', FILE_REASON_LINES)[:FILE_REASON_LINES]
    if lines > FILE_LINES_MAX and not any(REASON.search(line) for line in head):
        yield Finding(path, 1, f'{lines} lines, at most {FILE_LINES_MAX}: '
                               'split it by nouns, or say `// long: why` at its beginning')


def check(tree, _options):
    findings = []
    for source in tree.sources:
        findings += check_functions(source)
    for path in tree.paths:
        if path.endswith((*CODE_SUFFIXES, '.py')):
            findings += check_file(path, tree.text(path))
    return findings
