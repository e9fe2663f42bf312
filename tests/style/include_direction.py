"""Includes point one way: core <- {dataplane, control, bpf, tools}, by full path from the root."""

from tree import Finding

NAME = 'includes point one way'

# Of a file under the first, quoted includes may begin with the second; the longest first wins.
# Tests and benchmarks may reach everything.
MAY_INCLUDE = {
    'core/': ('core/',),
    'bpf/': ('bpf/', 'core/'),
    'dataplane/': ('dataplane/', 'core/', 'bpf/'),
    'control/': ('control/', 'core/'),
    'tools/': ('tools/', 'core/'),
    'tools/decap/': ('tools/decap/', 'core/', 'bpf/'),
    # The packet path without ports and the reading of files, but neither process.
    'tools/replay/': ('tools/', 'core/', 'dataplane/l4/', 'control/config/'),
}
FOLDERS = ('core/', 'dataplane/', 'control/', 'bpf/', 'tools/', 'tests/', 'bench/')

# Made by the build, hence not in the tree.
GENERATED = ('.skel.h', 'vmlinux.h')

STANDARD_LIBRARY = frozenset('''
algorithm any array atomic barrier bit bitset cassert ccomplex cctype cerrno cfenv cfloat charconv
chrono cinttypes climits clocale cmath codecvt compare complex concepts condition_variable coroutine
csetjmp csignal cstdarg cstdbool cstddef cstdint cstdio cstdlib cstring ctgmath ctime cuchar cwchar
cwctype deque exception execution expected filesystem flat_map flat_set format forward_list fstream
functional future generator initializer_list iomanip ios iosfwd iostream istream iterator latch
limits list locale map mdspan memory memory_resource mutex new numbers numeric optional ostream
print queue random ranges ratio regex scoped_allocator semaphore set shared_mutex source_location
span spanstream sstream stack stacktrace stdexcept stdfloat stop_token streambuf string string_view
strstream syncstream system_error thread tuple type_traits typeindex typeinfo unordered_map
unordered_set utility valarray variant vector version
'''.split())

# In core/ time, randomness, threads and I/O are arguments: these of the library are not pure.
IMPURE = frozenset('''
barrier condition_variable csetjmp csignal filesystem fstream future iostream latch mutex print
random semaphore shared_mutex stop_token syncstream thread
'''.split())


def allowed_for(path):
    """The prefixes that the file may include, or None where anything goes."""
    folders = [folder for folder in MAY_INCLUDE if path.startswith(folder)]
    return MAY_INCLUDE[max(folders, key=len)] if folders else None


def check_quoted(tree, source, include):
    name = include.name
    allowed = allowed_for(source.path)
    if not name.startswith(FOLDERS):
        if name.endswith(GENERATED):
            return None
        return f'"{name}": write the full path from the root of the tree'
    if allowed is not None and not name.startswith(allowed):
        folder = source.path.split('/')[0]
        return f'"{name}": {folder}/ may include only {", ".join(allowed)}'
    if name not in tree and not name.endswith(GENERATED):
        return f'"{name}": no such file in the tree'
    return None


def check_angled(tree, source, include):
    name = include.name
    if name in tree:
        return f'<{name}>: own headers go in quotes'
    if not source.path.startswith('core/'):
        return None
    if name not in STANDARD_LIBRARY:
        return f'<{name}>: core/ includes only core/ and the C++ standard library'
    if name in IMPURE:
        return f'<{name}>: core/ is pure; take time, randomness and I/O as arguments'
    return None


def check(tree, _options):
    findings = []
    for source in tree.sources:
        for include in source.includes:
            judge = check_quoted if include.quoted else check_angled
            message = judge(tree, source, include)
            if message and not source.has_reason(include.line):
                findings.append(Finding(source.path, include.line, message))
    return findings
