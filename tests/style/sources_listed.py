"""Every source file is named in a meson.build of its folder or of one above."""

import pathlib
import re

from tree import Finding

NAME = 'every source is in a meson.build'

SOURCE_SUFFIXES = ('.cpp', '.c')
# A loop names its files without what they end in: foreach noun : ['checksum', 'parse'].
LOOP_SUFFIXES = ('_test.cpp', '_bench.cpp', '_fuzz.cpp', '.bpf.c', '.cpp', '.c')

STRING_OR_COMMENT = re.compile(r"'((?:[^'\\\n]|\\.)*)'|#[^\n]*")


class MesonFile:
    def __init__(self, text):
        self.strings = {match[1] for match in STRING_OR_COMMENT.finditer(text)
                        if match[1] is not None}
        self.has_loop = re.search(r'^\s*foreach\b', text, re.MULTILINE) is not None

    def names(self, path):
        """Whether it names the file, whose path is given from this file's folder."""
        if path in self.strings:
            return True
        stems = [path.removesuffix(suffix) for suffix in LOOP_SUFFIXES if path.endswith(suffix)]
        return self.has_loop and any(stem in self.strings for stem in stems)


def read_meson_files(tree):
    return {str(pathlib.PurePosixPath(path).parent): MesonFile(tree.text(path))
            for path in tree.paths if pathlib.PurePosixPath(path).name == 'meson.build'}


def check(tree, _options):
    meson_files = read_meson_files(tree)
    findings = []
    for path in tree.paths:
        if not path.endswith(SOURCE_SUFFIXES):
            continue
        pure = pathlib.PurePosixPath(path)
        listed = any(str(folder) in meson_files
                     and meson_files[str(folder)].names(str(pure.relative_to(folder)))
                     for folder in pure.parents)
        if not listed:
            findings.append(Finding(path, 1, 'in no meson.build of its folder or above; '
                                             'add it there, or delete it'))
    return findings
