#!/usr/bin/python3
"""tools/bench packets: that its figures are there and of packets that went where they should.

No figure is looked at: the machine may be busy. Needs root, like the program, which DPDK wants.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools'))

from measure import figures, history, limits, machine, program, steps, tables

CASES = []
SKIP = object()
TICKS = 2_000_000_000  # a second, in made-up figures: half a nanosecond each


def case(test):
    CASES.append(test)
    return test


class Bench:
    """tools/bench of this tree, with the program of a build directory."""

    def __init__(self, build):
        self.build = pathlib.Path(build).resolve()

    def run(self, *arguments):
        return subprocess.run(
            [ROOT / 'tools' / 'bench', 'packets', '--no-build', '--build-dir', self.build,
             *arguments], capture_output=True, text=True, check=False, timeout=300)

    def figures(self, *arguments):
        done = self.run('--json', '-', '--rounds', '2', '--slice', '4', *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def names(self):
        return program.names(self.build / program.TARGET, [])


def made_up_line(**ticks):
    """What bench_packets writes of a group, two rounds of equal ticks a packet."""
    def rounds(value):
        return {'median': [value, value], 'mean': [value, value]}
    return {'group': 'tunnel', 'rte_hash': {'ticks': rounds(100), 'misses': 0},
            'rte_hash_keys_in_memory': {'ticks': rounds(150)}, 'buffers': {'ticks': rounds(10)},
            'cases': [{'name': name, 'ticks': rounds(value), 'bursts': 9, 'sent': 1.0,
                       'remembered': 1.0, 'reloads': 0} for name, value in ticks.items()]}


@case
def every_limit_is_of_a_case_and_held_against_another(bench):
    known = bench.names()
    for limit in limits.LIMITS:
        names = [name for group, name in known
                 if group == limit.group and limit.case.fullmatch(name)]
        assert names, f'no case of {limit.group} is called {limit.case.pattern}'
        for name in names:
            reference = limits.reference_of(limit, name)
            assert reference == limits.YARDSTICK or (limit.group, reference) in known, \
                f'{name} is held against {reference}, which is not in its group'


@case
def names_are_unique_within_their_group(bench):
    known = bench.names()
    assert len(set(known)) == len(known)
    for group in ('tunnel', 'modes', 'nat', 'new', 'scale'):
        assert any(name == group for name, _ in known), group


@case
def ratios_and_limits(_bench):
    group = figures.group_figures(made_up_line(**{'ipip4/1': 50, 'ipip4/1M': 120, 'ipip6/1': 80}),
                                  figures.Clock(TICKS))
    one, million, six = group['cases']
    assert (one['ns'], one['mpps'], one['ratio']) == (25, 40, 0.5), one
    assert one['limit'] == {'of': 'rte_hash', 'at_most': 0.6, 'is': 0.5, 'ok': True}
    assert not million['limit']['ok'] and million['limit']['is'] == 1.2
    assert six['limit'] == {'of': 'ipip4/1', 'at_most': 1.2, 'is': 1.6, 'ok': False}
    assert 'over' in tables.group_table(group, True).splitlines()[3]
    assert not figures.incomplete([group])
    million['remembered'] = 0.9
    assert figures.incomplete([group]) == [('tunnel ipip4/1M', 'only 90.00% of its flows are known')]


@case
def what_was_kept_is_found_and_compared(_bench):
    result = {'about': {'commit': 'abcdef012345', 'date': '2026-01-02', 'machine': 'a',
                        'huge_pages': True},
              'groups': [figures.group_figures(made_up_line(**{'ipip4/1': 50}),
                                               figures.Clock(TICKS))]}
    kept, history.FILE = history.FILE, pathlib.Path(tempfile.mkdtemp(), 'history', 'packets.jsonl')
    try:
        history.record(result)
        rows = history.compare(result, history.find('abcdef012345'))
        assert [(group, name) for group, name, _, _ in rows] == [('tunnel', 'ipip4/1')]
        assert tables.compare_table(rows).endswith('1.000')
        try:
            history.find('fedcba')
            raise AssertionError('figures of an unknown commit')
        except machine.Unfit as problem:
            assert 'abcdef012345' in str(problem)
    finally:
        shutil.rmtree(history.FILE.parents[1])
        history.FILE = kept


@case
def a_source_is_a_step(_bench):
    look_up = ('sluice::ConnectionTable<X>::find(unsigned long)', '/x/core/flow/connection_table.h:9')
    address = ('sluice::Address::raw_low() const', '/x/core/net/address.h:7')
    traffic = ('sluice::bench::Scene::write_frame(unsigned char*)', '/x/bench/scene.cpp:3')
    assert steps.step_of([address, look_up]) == 'look-up'
    assert steps.step_of([address, traffic]) == steps.NOT_COUNTED
    assert steps.step_of([('f()', '/x/core/new/noun.cpp:1')]) == 'core/new/noun.cpp'
    assert steps.step_of([('??', '??:0')]) == 'other'


@case
def callgrind_lines_without_those_of_calls(_bench):
    text = 'ob=/x/a\nfn=f\n0x10 5 3\ncalls=1 0x40 0\n0x14 6 900\n0x14 6 1\nob=/x/b\n0x20 0 2\n'
    assert steps.read_callgrind(text) == [('/x/a', 16, 3), ('/x/a', 20, 1), ('/x/b', 32, 2)]


@case
def all_packets_go_where_they_should(bench):
    if os.geteuid() != 0:
        return SKIP
    result = bench.figures('--no-null-port', '--case', '/(1|64k)$|/64k/(deny|reload)')
    assert [group['group'] for group in result['groups']] == ['tunnel', 'modes', 'nat', 'scale']
    assert not figures.incomplete(result['groups'])
    for group in result['groups']:
        assert group['rte_hash_ns'] > 0 and group['rte_hash_keys_in_memory_ns'] > 0, group
        for one in group['cases']:
            assert one['ns'] > 0 and one['ratio'] > 0 and one['bursts'] > 0, one
    about = result['about']
    assert about['burst'] == 64 and about['rounds'] == 2 and about['ticks_per_second'] > 0, about
    return None


@case
def a_null_port_beside_testpmd(bench):
    if os.geteuid() != 0 or len(machine.cores()) < 2 or shutil.which('dpdk-testpmd') is None:
        return SKIP
    result = bench.figures('--group', 'null_port', '--case', '/64k$')['null_port']
    assert result['macswap_mpps'] > 0 and result['5tswap_mpps'] > 0, result
    (one,) = result['cases']
    assert one['name'] == 'ipip4/64k' and one['sent'] == 1 and one['mpps'] > 0, one
    return None


@case
def mistakes_are_told(bench):
    for arguments, word in ((('--case', 'nonsense'), '--list'), (('--case', '('), 'expression'),
                            (('--core', '4000'), '4000'), (('--compare', 'fedcba'), '--record')):
        done = bench.run(*arguments)
        assert done.returncode == 1 and word in done.stderr, (arguments, done.stderr)
        assert done.stderr.startswith('tools/bench: '), done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--build', default=ROOT / 'build')
    bench = Bench(parser.parse_args().build)
    print(f'1..{len(CASES)}', flush=True)
    bad = 0
    for number, test in enumerate(CASES, start=1):
        name = test.__name__.replace('_', ' ')
        try:
            skipped = ' # SKIP needs root, two cores and testpmd' if test(bench) is SKIP else ''
            print(f'ok {number} - {name}{skipped}', flush=True)
        except AssertionError as error:
            bad += 1
            print(f'not ok {number} - {name}')
            for line in str(error).splitlines():
                print(f'# {line}')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
