"""Figures of earlier commits, a line of JSON for each time that somebody kept them."""

import json

from measure import machine
from measure.machine import Unfit

FILE = machine.ROOT / 'bench' / 'history' / 'packets.jsonl'
KEPT = ('ns', 'ratio')


def condense(result):
    """What is worth keeping for years."""
    about = result['about']
    return {
        **{key: about[key] for key in ('commit', 'date', 'machine', 'huge_pages')},
        'rte_hash_ns': {group['group']: group['rte_hash_ns'] for group in result['groups']},
        'cases': {group['group']: {case['name']: {key: case[key] for key in KEPT}
                                   for case in group['cases']} for group in result['groups']},
        'null_port': {case['name']: case['limit']['is']
                      for case in result.get('null_port', {}).get('cases', [])},
    }


def record(result):
    FILE.parent.mkdir(parents=True, exist_ok=True)
    with FILE.open('a') as out:
        out.write(json.dumps(condense(result), separators=(',', ':')) + '\n')
    return FILE


def find(commit):
    """The last record of a commit."""
    wanted = machine.git('rev-parse', '--short=12', commit) or commit
    try:
        records = [json.loads(line) for line in FILE.read_text().splitlines()]
    except FileNotFoundError:
        records = []
    for one in reversed(records):
        if one['commit'].rstrip('+').startswith(wanted[:12]):
            return one
    known = ', '.join(dict.fromkeys(one['commit'] for one in records)) or 'none'
    raise Unfit(f'no figures of commit {commit} are kept (there are: {known}): check it out and '
                'run tools/bench packets --record')


def compare(result, then):
    """[(group, case, its figures now, those then)] of what both have."""
    return [(group['group'], case['name'], case, then['cases'][group['group']][case['name']])
            for group in result['groups'] for case in group['cases']
            if case['name'] in then['cases'].get(group['group'], {})]
