"""The headers and names of a library appear only in the folder that wraps it."""

import re

from tree import Finding

NAME = 'library headers only in their folder'


class Library:
    def __init__(self, name, headers, folders, names=None):
        self.name = name
        self.headers = re.compile(headers)
        self.folders = folders  # prefixes of paths
        self.names = re.compile(names) if names else None  # identifiers that betray the library


LIBRARIES = (
    # bench/packets measures DPDK itself beside the packet path: buffers, its hash table, null ports.
    Library('DPDK', r'^rte_\w+\.h$', ('dataplane/dpdk/', 'tools/pktgen/', 'bench/packets/'),
            r'\brte_[a-z]\w*'),
    Library('liburing', r'^(liburing(\.h|/.*)|linux/io_uring\.h)$', ('control/uring/',),
            r'\bio_uring_\w+'),
    Library('OpenSSL', r'^openssl/', ('control/proxy/tls',)),
    Library('hiredis', r'^hiredis(/|\.h$)', ('control/cluster/',)),
    Library('libbpf', r'^(bpf/(libbpf|bpf)\.h|.*\.skel\.h)$', ('bpf/',)),
    Library('libpcap', r'^pcap(/.*|\.h)$', ('tools/replay/', 'tools/capture/'),
            r'\bpcap_[a-z]\w*'),
    Library('toml++', r'^(toml\+\+/.*|toml\.hpp)$', ('control/config/',)),
)


def is_home(path, library):
    """Whether the file is in the library's folder, or in the tests or benchmarks of that folder."""
    mirrored = (path.removeprefix(mirror) for mirror in ('tests/', 'bench/'))
    return path.startswith(library.folders) or any(
        name.startswith(library.folders) for name in mirrored)


def check_library(source, library):
    home = ' or '.join(library.folders)
    for include in source.includes:
        # "bpf/bpf.h" in quotes would be ours, and so is not libbpf's.
        ours = include.quoted and not include.name.endswith('.skel.h')
        if library.headers.match(include.name) and not ours:
            yield Finding(source.path, include.line,
                          f'{include.name}: {library.name} belongs in {home}; wrap what you need')
    if library.names is None:
        return
    for number, line in enumerate(source.code_lines, start=1):
        match = library.names.search(line)
        if match and not line.lstrip().startswith('#'):
            yield Finding(source.path, number,
                          f'{match[0]}: {library.name} belongs in {home}; wrap what you need')


def check(tree, _options):
    findings = []
    for source in tree.sources:
        for library in LIBRARIES:
            if is_home(source.path, library):
                continue
            findings += [finding for finding in check_library(source, library)
                         if not source.has_reason(finding.line)]
    return findings
