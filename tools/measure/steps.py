"""Where a packet's time and instructions go, by step of the packet path.

Time: the program interrupts itself ten thousand times a second and says where it was. Instructions:
callgrind counts each one. Both give addresses; the debug information says of which source they are,
through inlining.
"""

import collections
import pathlib
import re
import subprocess
import tempfile

from measure import machine, program
from measure.machine import Unfit

MEMORY_MIB = 64
BURSTS = 100
COUNTED = ('sluice::bench::BufferBurst::handle*', 'sluice::bench::BufferBurst::take()')

NOT_COUNTED = 'not counted'
# A step and the sources that are it; the first that fits. What is used everywhere (addresses, byte
# order, the standard library) belongs to whoever called it.
STEPS = (
    (NOT_COUNTED, r'bench/(scene|traffic|frames|packets/(cycles|main|sampler|group_run))\b.*'),
    ('buffers', r'bench/packets/buffers.*|dataplane/dpdk/.*|.*/rte_\w+\.h'),
    ('parse', r'core/net/(parse|parse_usual|cursor|wire)\b.*'),
    ('classify', r'dataplane/l4/(classify|wide|access)\b.*'
                 r'|core/config/(vip_table|wide_listeners)\b.*|core/net/prefix_table.*'),
    ('hash', r'core/flow/(five_tuple|hash_words)\b.*|dataplane/l4/flow_key.*'),
    ('look-up', r'core/flow/(connection_table|entry)\b.*'),
    ('flow', r'dataplane/l4/(track|nat|slots|chooser|affinity|active_flows|sources|syn_gate'
             r'|quic_route)\b.*|core/limit/.*'
             r'|core/flow/idle.*|core/balance/.*'),
    ('rewrite', r'dataplane/l4/(transmit|adjust|nat64|reframe)\b.*'
                r'|core/net/(encap|rewrite|checksum|mss|l3dsr|nat64)\b.*'),
    ('loop and counters', r'dataplane/l4/(pipeline|fragments)\b.*'),
)
# Functions that are another step than their file.
FUNCTIONS = ((re.compile(r'\b(hash|hash_words|fold_multiply|prefetch|prefetch_return)\('), 'hash'),
             (re.compile(r'\bcount_verdicts\('), 'loop and counters'))
LIBRARIES = ((re.compile(r'librte_'), 'buffers'), (re.compile(r'libc\b'), 'libc: clear, copy, compare'))
COMMON = re.compile(r'core/net/(address|byte_order|load)\b.*|core/config/snapshot\.h|/usr/.*')


UNKNOWN = '??'  # as addr2line says it


def relative(path):
    """A source's path from the root of the tree."""
    path = pathlib.PurePosixPath(path.split(':')[0])
    parts = path.parts
    for place, part in enumerate(parts):
        if part in ('core', 'dataplane', 'bench') and '..' not in parts[place:]:
            return '/'.join(parts[place:])
    return str(path)


def step_of(frames):
    """frames: [(function, file:line)], innermost first."""
    sources = [(function, relative(source)) for function, source in frames]
    if any(re.fullmatch(STEPS[0][1], source) for _, source in sources):
        return NOT_COUNTED
    for function, source in sources:
        if COMMON.fullmatch(source) or source == UNKNOWN:
            continue
        for pattern, step in FUNCTIONS:
            if pattern.search(function):
                return step
        for step, pattern in STEPS:
            if re.fullmatch(pattern, source):
                return step
        return source  # a source that this list does not know: better by its own name than lost
    return 'other'


class Addresses:
    """The steps of the program's addresses."""

    def __init__(self, path):
        self.path = str(path)
        self.known = {}

    def learn(self, offsets):
        new = sorted(set(offsets) - self.known.keys())
        if not new:
            return
        program.need('addr2line', 'binutils')
        done = subprocess.run(['addr2line', '-e', self.path, '-a', '-f', '-i', '-C'],
                              input='\n'.join(map(hex, new)), capture_output=True, text=True,
                              check=True)
        offset, frames = None, []
        lines = iter(done.stdout.splitlines())
        for line in lines:
            if line.startswith('0x'):
                if offset is not None:
                    self.known[offset] = step_of(frames)
                offset, frames = int(line, 16), []
            else:
                frames.append((line, next(lines)))
        if offset is not None:
            self.known[offset] = step_of(frames)

    def step(self, file, offset):
        if file == self.path or pathlib.Path(file).name == pathlib.Path(self.path).name:
            return self.known.get(offset, 'other')
        for pattern, step in LIBRARIES:
            if pattern.search(file):
                return step
        return 'other'


def count_steps(addresses, costs):
    """costs: [(file, offset, cost)] to {step: cost}."""
    own = pathlib.Path(addresses.path).name
    addresses.learn(offset for file, offset, _ in costs if pathlib.Path(file).name == own)
    out = collections.Counter()
    for file, offset, cost in costs:
        out[addresses.step(file, offset)] += cost
    del out[NOT_COUNTED]
    return out


def callgrind(path, case):
    """[(file, offset, instructions)] and the number of packets."""
    program.need('valgrind', 'valgrind')
    with tempfile.TemporaryDirectory(prefix='sluice-bench-') as folder:
        out = pathlib.Path(folder, 'callgrind.out')
        prefix = ['valgrind', '--quiet', '--tool=callgrind', '--collect-atstart=no',
                  *(f'--toggle-collect={name}' for name in COUNTED), '--dump-instr=yes',
                  '--compress-pos=no', '--compress-strings=no', f'--callgrind-out-file={out}']
        arguments = ['--no-huge', '--memory', MEMORY_MIB, '--bursts', BURSTS,
                     '--case', f'^{re.escape(case)}$']
        with program.Program(path, arguments, prefix, quiet=True) as run:
            packets = [line['packets'] for line in run.lines() if 'packets' in line]
        return read_callgrind(out.read_text()), packets[0]


def read_callgrind(text):
    """The lines of instructions: address, source line, count; those after calls= are sums."""
    costs, file, is_call = [], '?', False
    for line in text.splitlines():
        if line.startswith('ob='):
            file = line[3:]
        elif line.startswith('calls='):
            is_call = True
        elif line.startswith('0x'):
            if not is_call:
                fields = line.split()
                costs.append((file, int(fields[0], 16), int(fields[-1])))
            is_call = False
    if not costs:
        raise Unfit('callgrind counted nothing')
    return costs


def instructions(path, case):
    """Instructions a packet."""
    costs, packets = callgrind(path, case)
    return sum(cost for _, _, cost in costs) / packets


def steps(path, case, core, seconds):
    """{step: (ns, instructions)} of one packet, the most expensive step first."""
    addresses = Addresses(path)
    selection = ['--case', f'^{re.escape(case)}$', '--sample', seconds, '--memory', MEMORY_MIB,
                 '--core', core]
    with program.Program(path, selection, quiet=True) as run:
        about, figures = list(run.lines())
    time = count_steps(addresses, [(place['file'], place['offset'], place['samples'])
                                   for place in figures['places']])
    ns = figures['ticks'] * 1e9 / about['ticks_per_second']
    costs, packets = callgrind(path, case)
    count = count_steps(addresses, costs)
    samples = sum(time.values())
    if samples == 0:
        raise Unfit('no samples were taken')
    return {step: (ns * time[step] / samples, count[step] / packets)
            for step in sorted(time | count, key=lambda step: -time[step])}
