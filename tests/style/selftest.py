#!/usr/bin/python3
"""Tests the style test: every breach in a small bad tree is found, and a good tree is clean."""

import pathlib
import sys
import tempfile
import types

import coroutines
import feature_table
import headers_alone
import include_direction
import lengths
import library_folders
import plain_text
import sources_listed
from functions import find_functions
from tree import Tree, strip_comments_and_strings

CASES = []


def case(function):
    CASES.append(function)
    return function


def findings(rule, files, build=None):
    """What the rule says about a tree of {path: text or bytes}: ['path:line: message']."""
    with tempfile.TemporaryDirectory(prefix='sluice-style-') as folder:
        for path, content in files.items():
            target = pathlib.Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
        options = types.SimpleNamespace(build=build)
        return [str(found) for found in rule.check(Tree(folder), options)]


def expect_clean(rule, files):
    found = findings(rule, files)
    assert not found, found


def expect_found(rule, files, *beginnings):
    """Exactly these findings, each given by how it begins."""
    found = findings(rule, files)
    assert len(found) == len(beginnings), found
    for text, beginning in zip(found, beginnings):
        assert text.startswith(beginning), (text, beginning)


def function_of(lines, before='', after=''):
    """A function of so many lines, counting the signature and the closing brace."""
    return f'{before}int f(int x) {{\n' + '  ++x;\n' * (lines - 2) + f'}}\n{after}'


@case
def includes_that_point_the_right_way():
    expect_clean(include_direction, {
        'core/a.h': '#include <vector>\n#include "core/b.h"\n', 'core/b.h': '',
        'dataplane/a.cpp': '#include <rte_mbuf.h>\n#include "core/a.h"\n#include "bpf/maps.h"\n',
        'bpf/maps.h': '', 'bpf/x.cpp': '#include "bpf/x.skel.h"\n#include "bpf/maps.h"\n',
        'control/a.cpp': '#include <sys/socket.h>\n#include "core/a.h"\n',
        'tools/decap/a.cpp': '#include "bpf/maps.h"\n',
        'tools/replay/a.cpp': '#include "dataplane/l4/a.h"\n#include "control/config/a.h"\n',
        'dataplane/l4/a.h': '', 'control/config/a.h': '',
        'tests/a.cpp': '#include "dataplane/a.h"\n', 'dataplane/a.h': '',
    })


@case
def include_of_the_other_process():
    files = {'control/a.h': '', 'dataplane/a.h': '', 'bpf/maps.h': ''}
    expect_found(include_direction, files | {'dataplane/b.cpp': '\n#include "control/a.h"\n'},
                 'dataplane/b.cpp:2: "control/a.h"')
    expect_found(include_direction, files | {'control/b.cpp': '#include "dataplane/a.h"\n'},
                 'control/b.cpp:1:')
    expect_found(include_direction, files | {'control/b.cpp': '#include "bpf/maps.h"\n'},
                 'control/b.cpp:1:')
    expect_found(include_direction, files | {'bpf/b.cpp': '#include "dataplane/a.h"\n'},
                 'bpf/b.cpp:1:')
    expect_found(include_direction, files | {'tools/x/b.cpp': '#include "bpf/maps.h"\n'},
                 'tools/x/b.cpp:1:')
    for other in ('control/a.h', 'dataplane/a.h', 'bpf/maps.h'):
        expect_found(include_direction, files | {'tools/replay/b.cpp': f'#include "{other}"\n'},
                     f'tools/replay/b.cpp:1: "{other}"')
    for other in ('dataplane/l4/a.h', 'control/config/a.h'):
        expect_found(include_direction, {other: '', 'tools/x/b.cpp': f'#include "{other}"\n'},
                     f'tools/x/b.cpp:1: "{other}"')


@case
def core_includes_more_than_the_standard_library():
    for header in ('sys/socket.h', 'stdint.h', 'fmt/format.h', 'rte_mbuf.h', 'thread', 'iostream'):
        expect_found(include_direction, {'core/a.cpp': f'#include <vector>\n#include <{header}>\n'},
                     f'core/a.cpp:2: <{header}>')


@case
def includes_not_by_full_path():
    expect_found(include_direction, {'core/net/a.cpp': '#include "b.h"\n', 'core/net/b.h': ''},
                 'core/net/a.cpp:1: "b.h"')
    expect_found(include_direction, {'core/a.cpp': '#include "core/gone.h"\n'},
                 'core/a.cpp:1: "core/gone.h": no such file')
    expect_found(include_direction, {'control/a.cpp': '#include <core/b.h>\n', 'core/b.h': ''},
                 'control/a.cpp:1: <core/b.h>')


@case
def includes_in_comments_do_not_count_and_reasons_excuse():
    expect_clean(include_direction, {
        'core/a.cpp': '// #include "control/x.h"\n/*\n#include "control/x.h"\n*/\n'
                      '#include <immintrin.h>  // style: the AVX2 path, with a scalar twin\n'})
    expect_found(include_direction, {'core/a.cpp': '#include <immintrin.h>  // style:\n'},
                 'core/a.cpp:1:')


@case
def library_headers_out_of_their_folder():
    for header, home, other in (
            ('rte_mbuf.h', 'dataplane/dpdk', 'dataplane/l4'),
            ('rte_eal.h', 'tools/pktgen', 'bench'), ('rte_hash.h', 'bench/packets', 'bench'),
            ('liburing.h', 'control/uring', 'control/http'),
            ('linux/io_uring.h', 'control/uring', 'dataplane'),
            ('openssl/ssl.h', 'control/proxy/tls', 'control/proxy'),
            ('hiredis/hiredis.h', 'control/cluster', 'control/session'),
            ('bpf/libbpf.h', 'bpf', 'dataplane/dpdk'), ('bpf/bpf.h', 'bpf', 'tools/decap'),
            ('pcap/pcap.h', 'tools/replay', 'tools/lab'), ('pcap.h', 'tools/replay', 'dataplane/l4'),
            ('toml++/toml.h', 'control/config', 'control/admin')):
        text = f'#include <{header}>\n'
        expect_clean(library_folders, {f'{home}/a.cpp': text, f'tests/{home}/a.cpp': text})
        expect_found(library_folders, {f'{other}/a.cpp': text}, f'{other}/a.cpp:1: {header}')
    expect_found(library_folders, {'dataplane/a.cpp': '#include "bpf/steer.skel.h"\n'},
                 'dataplane/a.cpp:1: bpf/steer.skel.h')


@case
def library_names_out_of_their_folder():
    expect_found(library_folders, {'dataplane/l4/a.cpp': 'int a;\nvoid f(rte_mbuf* packet);\n'},
                 'dataplane/l4/a.cpp:2: rte_mbuf')
    expect_found(library_folders, {'control/http/a.h': 'struct io_uring_sqe;\n'},
                 'control/http/a.h:1: io_uring_sqe')
    expect_clean(library_folders, {
        'core/a.cpp': '// rte_mbuf\nauto a = "rte_mbuf"; auto b = R"(io_uring_x)"; int write_a;\n'})


@case
def headers_that_do_not_compile_alone():
    expect_clean(headers_alone, {
        'core/a.h': '#pragma once\n#include <cstdint>\nstd::uint8_t a();\n'})
    expect_found(headers_alone, {'core/a.h': '#pragma once\nstd::vector<int> a();\n'},
                 'core/a.h:1: does not compile alone:')
    expect_found(headers_alone, {'core/a.h': 'int a();\n// #pragma once is missing\n'},
                 'core/a.h:1: no #pragma once')


@case
def headers_are_checked_again_when_what_they_include_changes():
    good = {'core/a.h': '#pragma once\n#include "core/b.h"\nB a();\n',
            'core/b.h': '#pragma once\nstruct B {};\n'}
    with tempfile.TemporaryDirectory(prefix='sluice-style-') as build:
        assert not findings(headers_alone, good, build)
        found = findings(headers_alone, good | {'core/b.h': '#pragma once\nstruct C {};\n'}, build)
        assert len(found) == 1 and found[0].startswith('core/a.h:1: does not'), found


@case
def sources_in_no_meson_build():
    expect_clean(sources_listed, {
        'core/meson.build': "library('a', files('net/a.cpp'))\n", 'core/net/a.cpp': '',
        'bpf/meson.build': "foreach name : ['steer']\nendforeach\n", 'bpf/steer.bpf.c': ''})
    expect_found(sources_listed, {'core/meson.build': "# 'net/a.cpp'\nx = files('net/b.cpp')\n",
                                  'core/net/a.cpp': '', 'core/net/b.cpp': '',
                                  'tests/meson.build': "x = files('core/net/a.cpp')\n"},
                 'core/net/a.cpp:1:')
    expect_found(sources_listed, {'bpf/meson.build': "x = 'steer'\n", 'bpf/steer.bpf.c': ''},
                 'bpf/steer.bpf.c:1:')


@case
def long_functions():
    expect_clean(lengths, {'core/a.cpp': function_of(60)})
    expect_found(lengths, {'core/a.cpp': '\n' + function_of(61)}, 'core/a.cpp:2: f has 61 lines')
    expect_found(lengths, {'core/a.h': f'namespace a {{\nstruct B {{\n{function_of(61)}}};\n}}\n'},
                 'core/a.h:3: f has 61 lines')
    lambda_inside = '  auto g = [&](int y) {\n    return y;\n  };\n' * 20
    expect_found(lengths, {'core/a.cpp': 'void h() {\n' + lambda_inside + '}\n'},
                 'core/a.cpp:1: h has 62 lines')
    for signature in ('A::A(int x) : a_{x}, b_(x), c_{{1}} {', 'TEST(Suite, name) {',
                      'template <int N = 1>\nvoid g() {', 'bool operator==(A a, A b) {',
                      'auto f(Options o = {}) -> int {', 'auto f = [](int x) {',
                      'struct packet *take(struct ring *ring) {', 'A::~A() noexcept {',
                      '[[nodiscard]] int f() const {', 'static int f() __attribute__((cold)) {'):
        text = signature + '\n' + '  x();\n' * 61 + '}\nint y;\n'
        assert len(findings(lengths, {'core/a.cpp': text})) == 1, signature


@case
def long_things_that_are_not_functions():
    rows = '    {1, "}"},\n' * 70
    for text in (f'constexpr Row kRows[] = {{\n{rows}}};\n',
                 f'enum class Verdict : std::uint8_t {{\n{rows}}};\n',
                 'class A final : public B<decltype(c())> {\n' + '  int a();\n' * 70 + '};\n',
                 'namespace a {\n' + 'int b();\n' * 70 + '}\n',
                 'extern "C" {\n' + 'int b();\n' * 70 + '}\n',
                 function_of(40) + function_of(40)):
        expect_clean(lengths, {'core/a.cpp': text})


@case
def long_functions_with_a_reason():
    expect_clean(lengths, {'core/a.cpp': function_of(70, '// long: one row an opcode\n')})
    expect_clean(lengths, {
        'core/a.cpp': function_of(70, '// long: the list of steps,\n// top down.\n')})
    signature = 'int f(int x) {  // long: one row an opcode\n'
    expect_clean(lengths, {'core/a.cpp': signature + '  ++x;\n' * 70 + '}\n'})
    expect_found(lengths, {'core/a.cpp': function_of(70, '// long:\n')}, 'core/a.cpp:2:')
    expect_found(lengths, {'core/a.cpp': function_of(70, '// long: other\nint a;\n')},
                 'core/a.cpp:3:')


@case
def braces_in_comments_strings_and_directives():
    tricky = ('  // }\n  char c = \'}\'; auto s = "}\\"}"; int n = 1\'000; auto r = R"x(}")})x";\n'
              '#if A\n  if (x) {\n#else\n  while (x) {\n#endif\n  }\n')
    code = strip_comments_and_strings('int f(int x) {\n' + tricky + '}\nint g() { return 1; }\n')
    names = [(function.name, function.first, function.last) for function in find_functions(code)]
    assert names == [('f', 1, 10), ('g', 11, 11)], names


@case
def long_files():
    expect_clean(lengths, {
        'core/a.h': 'int a;\n' * 500, 'core/b.h': '// long: one table\n' + '\n' * 600})
    expect_found(lengths, {'core/a.h': 'int a;\n' * 501}, 'core/a.h:1: 501 lines')


@case
def awaiting_in_conditions():
    expect_clean(coroutines, {
        'control/a.cpp': 'const int r = co_await f();\nif (r == 0) co_await g();\n'
                         'for (int i = 0; i < 3; ++i) co_await h(i);\n// if (co_await f())\n'})
    for line in ('if (co_await f()) g();', 'while ((co_await f()) == 0) {}',
                 'for (;\n     co_await f();) {}', 'switch (co_await f()) {}'):
        expect_found(coroutines, {'control/a.cpp': f'int a;\n{line}\n'}, 'control/a.cpp:2:')


@case
def named_tests():
    files = {'tests/core/a_test.cpp': 'TEST(Maglev, Shares) {}\n', 'tests/e2e/b_test.py': '',
             'tests/golden/packets/gre_4.txt': ''}
    head = '| feature | proved by |\n|---|---|\n'
    row = '| hashing | `Maglev`, `Maglev.Shares`, `e2e/b_test.py`, `golden/gre_*` |\n'
    expect_clean(feature_table, {**files, 'docs/features.md': head + row})
    for name in ('Maglew', 'Maglev.Share', 'e2e/c_test.py', 'golden/gue_*'):
        expect_found(feature_table, {**files, 'docs/features.md': f'{head}| it | `{name}` |\n'},
                     f'docs/features.md:3: there is no test {name}')
    expect_found(feature_table, {**files, 'docs/features.md': head + '| it | nothing |\n'},
                 'docs/features.md:3: a feature without a test')


@case
def leftovers():
    for line in ('// TO' 'DO: later', '// FIX' 'ME', 'x  // X' 'XX', 'see /ho' 'me/me/x',
                 "open('/wo" "rk/x')", '\tint a;', 'int a; ', 'int a;\r'):
        expect_found(plain_text, {'core/a.cpp': f'int b;\n{line}\n'}, 'core/a.cpp:2:')
    expect_clean(plain_text, {
        'core/a.cpp': '// XXXXXX core/work/x\n', 'tests/fuzz/corpus/a': '\t \n'})
    expect_found(plain_text, {'tests/a.bin': b'\0' * ((1 << 20) + 1)}, 'tests/a.bin:1: a binary')
    expect_clean(plain_text, {'tests/a.bin': b'\0' * (1 << 20), 'README.md': 'a\n' * 150})
    expect_found(plain_text, {'README.md': 'a\n' * 151}, 'README.md:151: 151 lines')


@case
def ignored_files_do_not_count():
    with tempfile.TemporaryDirectory(prefix='sluice-style-') as folder:
        for path in ('core/a.cpp', 'build-x/a.cpp', '.cache/a.cpp'):
            pathlib.Path(folder, path).parent.mkdir()
            pathlib.Path(folder, path).write_text('')
        assert Tree(folder).paths == ['core/a.cpp'], Tree(folder).paths


def main():
    print(f'1..{len(CASES)}')
    bad = 0
    for number, test in enumerate(CASES, start=1):
        name = test.__name__.replace('_', ' ')
        try:
            test()
            print(f'ok {number} - {name}')
        except AssertionError as error:
            bad += 1
            print(f'not ok {number} - {name}')
            for line in str(error).splitlines():
                print(f'# {line}')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
