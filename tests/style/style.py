#!/usr/bin/python3
"""The style test: reads the tree and reports breaches of the house rules, one TAP case per rule.

Most rules can be excused on the line itself: `// style: why`, and `// long: why` for length.
"""

import argparse
import pathlib
import sys

import coroutines
import feature_table
import headers_alone
import include_direction
import lengths
import library_folders
import plain_text
import sources_listed
from tree import Tree

RULES = (include_direction, library_folders, headers_alone, sources_listed, lengths, coroutines,
         feature_table, plain_text)
FINDINGS_SHOWN_MAX = 200


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--root', default=pathlib.Path(__file__).resolve().parents[2],
                        help='the tree to read (default: the one this file is in)')
    parser.add_argument('--build', help='build directory, for generated headers and the cache')
    parser.add_argument('rules', nargs='*', metavar='RULE', help='only these, e.g. plain_text')
    options = parser.parse_args()
    names = [rule.__name__ for rule in RULES]
    for name in options.rules:
        if name not in names:
            parser.error(f'no rule {name}; there are {", ".join(names)}')
    if options.build and not pathlib.Path(options.build).is_dir():
        options.build = None
    return options


def main():
    options = parse_arguments()
    tree = Tree(options.root)
    rules = [rule for rule in RULES if not options.rules or rule.__name__ in options.rules]
    print(f'1..{len(rules)}')
    bad = 0
    for number, rule in enumerate(rules, start=1):
        findings = rule.check(tree, options)
        bad += bool(findings)
        print(f'{"not " if findings else ""}ok {number} - {rule.NAME}')
        for finding in findings[:FINDINGS_SHOWN_MAX]:
            print(f'# {finding}')
        if len(findings) > FINDINGS_SHOWN_MAX:
            print(f'# and {len(findings) - FINDINGS_SHOWN_MAX} more')
        sys.stdout.flush()
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
