"""tools/bench packets: what a packet costs, in one run with what it is compared with."""

import argparse
import contextlib
import datetime
import json
import pathlib
import re
import sys

from measure import chart, figures, history, machine, program, steps, tables, testpmd
from measure.machine import Unfit

QUICK = {'rounds': 5, 'slice': 15, 'null_port_rounds': 3}
USUAL = {'rounds': 15, 'slice': 40, 'null_port_rounds': 7}
NULL_PORT = 'null_port'  # the group of these cases
NULL_PORT_CASES = ('ipip4/1', 'ipip4/64k', 'ipip4/1M')
NULL_PORT_SLICE_MS = 250
TESTPMD_SECONDS = 0.3
STEP_CASES = r'^(ipip4/64k|ipip4/1M|nat4/1M)$'
STEP_SECONDS = 4
STEPS_NOTE = 'Time by ten thousand looks a second, instructions by callgrind with few flows.'


def add_arguments(parser):
    parser.add_argument('--quick', action='store_true', help='under a minute, and less certain')
    parser.add_argument('--list', action='store_true', help='only say which cases there are')
    parser.add_argument('--case', metavar='REGEX', help='only cases in whose name it is found')
    parser.add_argument('--group', metavar='REGEX', help='only groups of this name')
    parser.add_argument('--rounds', type=int, metavar='N', help='how often each case has its turn')
    parser.add_argument('--slice', type=int, metavar='MS', help='how long a turn is')
    parser.add_argument('--core', type=int, help='the core to run on (default: the last one)')
    parser.add_argument('--no-null-port', action='store_true', help='leave out testpmd')
    parser.add_argument('--instructions', action='store_true',
                        help='count them too, with valgrind: minutes')
    parser.add_argument('--steps', action='store_true',
                        help='instead: where the time goes, by step of the packet path')
    parser.add_argument('--json', metavar='FILE', help='write everything there; -: to the output')
    parser.add_argument('--markdown', action='store_true', help='tables in Markdown')
    parser.add_argument('--into', metavar='FILE.md', type=pathlib.Path,
                        help='put the tables in Markdown between the marks that FILE has for them')
    parser.add_argument('--chart', metavar='FILE.png', help='draw a picture')
    parser.add_argument('--record', action='store_true',
                        help=f'keep the figures in {history.FILE.relative_to(machine.ROOT)}')
    parser.add_argument('--compare', metavar='COMMIT', help='with what --record kept of it')
    parser.add_argument('--build-dir', default='build-release', metavar='DIR',
                        help='where the build is or will be (%(default)s)')
    parser.add_argument('--no-build', action='store_true', help='install and build nothing')


def finish(options):
    usual = QUICK if options.quick else USUAL
    options.null_port_rounds = options.rounds or usual['null_port_rounds']
    options.rounds = options.rounds or usual['rounds']
    options.slice = options.slice or usual['slice']
    cores = machine.cores()
    if options.core is None:
        options.core = cores[-1]
    elif options.core not in cores:
        raise Unfit(f'core {options.core} is not one of this process: {cores}')


def selection(options):
    out = []
    if options.case:
        out += ['--case', options.case]
    if options.group:
        out += ['--group', options.group]
    return out


def null_port_cases(options):
    """Of those on the null port the ones that are wanted."""
    if options.no_null_port or (options.group and not re.fullmatch(options.group, NULL_PORT)):
        return []
    return [case for case in NULL_PORT_CASES if re.search(options.case or '', case)]


def describe(options, about):
    """What figures are of; `about`: the first line of bench_packets."""
    return {
        **machine.describe(),
        'date': datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%d'),
        **{key: about[key] for key in ('huge_pages', 'ticks_per_second', 'burst', 'core')},
        'rounds': options.rounds, 'slice_ms': options.slice}


def measure_groups(options, path, result, show):
    arguments = [*selection(options), '--rounds', options.rounds, '--slice', options.slice,
                 '--core', options.core, '--memory', program.MEMORY_MIB]
    with program.Program(path, arguments) as run:
        about = run.next()
        result['about'] = describe(options, about)
        clock = figures.Clock(about['ticks_per_second'])
        for line in run.lines():
            group = figures.group_figures(line, clock)
            if options.instructions:
                add_instructions(path, group)
            result['groups'].append(group)
            show(tables.group_section(group, options.markdown))


def add_instructions(path, group):
    program.say(f'counting the instructions of {group["group"]}')
    for case in group['cases']:
        case['instructions'] = round(steps.instructions(path, case['name']), 1)


def other_core(core):
    others = [one for one in machine.cores() if one != core]
    if not others:
        raise Unfit('testpmd needs two cores and this process may use one')
    return others[0]


def measure_null_port(options, path, result, show):
    """Sluice's worker and testpmd by turns; whoever waits uses no core."""
    program.need('dpdk-testpmd', 'dpdk')
    pattern = '^(' + '|'.join(null_port_cases(options)) + ')$'
    arguments = ['--null-port', '--case', pattern, '--core', options.core,
                 '--slice', NULL_PORT_SLICE_MS, '--memory', steps.MEMORY_MIB]
    program.say('forwarding on a null port, and testpmd on another')
    with program.Program(path, arguments, quiet=True) as run, \
            testpmd.Testpmd(options.core, other_core(options.core)) as other:
        about = run.next()
        result.setdefault('about', describe(options, about))
        clock = figures.Clock(about['ticks_per_second'])
        run.next()  # it is ready
        rounds = []
        for _ in range(options.null_port_rounds):
            one = {mode: other.packets_per_second(mode, TESTPMD_SECONDS)
                   for mode in ('macswap', '5tswap')}
            run.ask()
            rounds.append({**one, 'cases': run.next()['round']})
    result['null_port'] = figures.null_port_figures(rounds, clock)
    show(tables.null_port_section(result['null_port'], options.markdown))


def show_steps(options, path, result, show):
    pattern = options.case or STEP_CASES
    cases = dict.fromkeys(case for _, case in program.names(path, ['--case', pattern]))
    result['steps'] = {}
    for case in cases:
        program.say(f'watching {case}')
        found = steps.steps(path, case, options.core, STEP_SECONDS)
        result['steps'][case] = {step: {'ns': round(ns, 2), 'instructions': round(count, 1)}
                                 for step, (ns, count) in found.items()}
        rows = [[step, f'{ns:.1f}', f'{count:.0f}'] for step, (ns, count) in found.items()]
        rows.append(['together', f'{sum(ns for ns, _ in found.values()):.1f}',
                     f'{sum(count for _, count in found.values()):.0f}'])
        table = tables.render(['step', 'ns', 'instructions'], rows, options.markdown)
        show(tables.section(case, table, '', options.markdown))
    show(STEPS_NOTE)


def put_into(path, mark, text):
    """Puts the text between two comments of a document, or with None only looks for them."""
    begin, end = f'<!-- {mark} -->\n', f'<!-- /{mark} -->'
    document = path.read_text()
    before, found, rest = document.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise Unfit(f'{path} has no lines {begin.strip()} and {end} for the tables')
    if text is not None:
        path.write_text(f'{before}{begin}\n{text.strip()}\n\n{end}{after}')


def finish_up(options, result, show):
    if options.compare:
        then = history.find(options.compare)
        rows = history.compare(result, then)
        note = '' if then['machine'] == result['about']['machine'] else \
            f'CAUTION: then it was another machine, {then["machine"]}.'
        show(tables.section(f'Against {then["commit"]} of {then["date"]}',
                            tables.compare_table(rows, options.markdown), note, options.markdown))
    if options.record:
        program.say(f'kept in {history.record(result)}')
    if options.chart:
        chart.draw(result, options.chart)
        program.say(f'drawn: {options.chart}')


def take(options, path, has_groups, show):
    result = {'groups': []}
    wanted_mib = program.MEMORY_MIB + testpmd.MEMORY_MIB + steps.MEMORY_MIB
    with machine.HugePages(wanted_mib) as pages:
        if pages.note:
            program.say(pages.note)
        if options.steps:
            show_steps(options, path, result, show)
            return result
        if has_groups:
            measure_groups(options, path, result, show)
        if null_port_cases(options):
            try:
                measure_null_port(options, path, result, show)
            except Unfit as problem:
                program.say(f'no comparison with testpmd: {problem}')
    if 'about' not in result:
        raise Unfit('no figures were taken')
    show(tables.about_line(result['about']))
    for case, what in figures.incomplete(result['groups']):
        program.say(f'{case}: {what}; its figure means nothing')
    finish_up(options, result, show)
    return result


def run(options):
    finish(options)
    if options.into:
        options.markdown = True
        put_into(options.into, 'steps' if options.steps else 'packets', None)
    if options.compare:
        history.find(options.compare)  # better now than after minutes
    if options.chart:
        chart.load_matplotlib()
    path = machine.ROOT / options.build_dir / program.TARGET
    if not options.no_build:
        path = program.build(options.build_dir)
    elif not path.exists():
        raise Unfit(f'{path} is not there: run it without --no-build')
    for pattern in (options.case, options.group):
        if pattern:
            re.compile(pattern)
    known = program.names(path, selection(options))
    if not known and not null_port_cases(options):
        raise Unfit('no case is called that: see tools/bench packets --list')
    if options.list:
        all_of_them = known + [(NULL_PORT, case) for case in null_port_cases(options)]
        print('\n'.join(f'{group} {case}' for group, case in all_of_them))
        return 0
    to_stdout = options.json == '-'
    shown = []

    def show(text):
        shown.append(text)
        if not to_stdout:
            print(text, flush=True)

    with contextlib.ExitStack() as stack:
        out = None
        if options.json:
            out = sys.stdout if to_stdout else stack.enter_context(
                pathlib.Path(options.json).open('w'))
        result = take(options, path, bool(known), show)
        if options.into:
            put_into(options.into, 'steps' if options.steps else 'packets', '\n'.join(shown))
        if out:
            json.dump(result, out, indent=1)
            out.write('\n')
        return 1 if figures.incomplete(result.get('groups', [])) else 0


def main(arguments):
    parser = argparse.ArgumentParser(prog='tools/bench packets', description=__doc__)
    add_arguments(parser)
    return run(parser.parse_args(arguments))
