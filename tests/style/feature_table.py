"""The tests that docs/features.md names are there."""

import fnmatch
import re

from tree import Finding

NAME = 'features name tests that are there'
TABLE = 'docs/features.md'

CASE = re.compile(r'\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)')
QUOTED = re.compile(r'`([^`]+)`')


def gtest_names(tree):
    """Every `Suite` and `Suite.Case`."""
    names = set()
    for source in tree.sources:
        if source.path.startswith('tests/'):
            for suite, case in CASE.findall(source.text):
                names |= {suite, f'{suite}.{case}'}
    return names


def is_there(name, paths, cases):
    if '/' not in name:
        return name in cases
    if name.startswith('golden/') and '.' not in name:
        return any(fnmatch.fnmatch(path, f'tests/golden/packets/{name[7:]}.txt') for path in paths)
    return f'tests/{name}' in paths


def check(tree, _options):
    if TABLE not in tree.paths:
        return []
    cases = gtest_names(tree)
    findings = []
    for number, line in enumerate(tree.bytes(TABLE).decode('utf-8').splitlines(), start=1):
        cells = line.split('|')
        if len(cells) != 4 or set(cells[1]) <= set('-') or cells[2].strip() == 'proved by':
            continue
        named = QUOTED.findall(cells[2])
        if not named:
            findings.append(Finding(TABLE, number, 'a feature without a test: name one'))
        findings += [Finding(TABLE, number, f'there is no test {name}')
                     for name in named if not is_there(name, tree.paths, cases)]
    return findings
