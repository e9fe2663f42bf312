"""The files of the tree under test, and C++ source with comments and strings blanked."""

import functools
import os
import pathlib
import re
import subprocess

CODE_SUFFIXES = ('.cpp', '.h', '.c')
SKIPPED_FOLDERS = re.compile(r'^(\..*|build.*|__pycache__)$')

# In this order: what begins a token decides what the quotes inside it mean.
TOKEN = re.compile(
    r'(?P<comment>//[^\n]*|/\*.*?\*/)'
    r'|(?P<raw>\b(?:u8|[uUL])?R"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)")'
    r'|(?P<word>[A-Za-z_]\w*)'
    r"|(?P<number>\.?\d(?:'?\w|[.])*)"  # 1'000: that quote opens no character
    r'|(?P<string>"(?:[^"\\\n]|\\.)*")'
    r"|(?P<character>'(?:[^'\\\n]|\\.)*')",
    re.DOTALL)

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
REASON = re.compile(r'//\s*style:\s*\S+')


class Finding:
    def __init__(self, path, line, message):
        self.path = path
        self.line = line  # from 1
        self.message = message

    def __str__(self):
        return f'{self.path}:{self.line}: {self.message}'


class Include:
    def __init__(self, line, name, quoted):
        self.line = line  # from 1
        self.name = name
        self.quoted = quoted


def blank(text):
    """The text as spaces, its line breaks kept."""
    return re.sub(r'[^\n]', ' ', text)


def strip_comments_and_strings(text):
    """The same text, same length, with the insides of comments, strings and characters blank."""
    def replace(match):
        token = match.group()
        if match['comment']:
            return blank(token)
        if match['raw'] or match['string'] or match['character']:
            return token[0] + blank(token[1:-1]) + token[-1]
        return token
    return TOKEN.sub(replace, text)


class Source:
    """One C or C++ file."""

    def __init__(self, path, text):
        self.path = path  # from the root, with /
        self.text = text
        self.lines = text.split('\n')

    @functools.cached_property
    def code(self):
        return strip_comments_and_strings(self.text)

    @functools.cached_property
    def code_lines(self):
        return self.code.split('\n')

    @functools.cached_property
    def includes(self):
        found = []
        for number, (line, code) in enumerate(zip(self.lines, self.code_lines), start=1):
            match = INCLUDE.match(line)
            if match and code.lstrip().startswith('#'):
                found.append(Include(number, match[2], match[1] == '"'))
        return found

    def has_reason(self, line):
        """Whether the line (from 1) says `// style: why`, which excuses it (house rule zero)."""
        return bool(REASON.search(self.lines[line - 1]))


class Tree:
    """What git tracks or would track under a root; without git, every file but the build's."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        listed = self._from_git()
        self.paths = sorted(self._from_disk() if listed is None else listed)
        self._known = set(self.paths)

    def _from_git(self):
        if not (self.root / '.git').exists():
            return None
        # safe.directory: the tree may belong to another user than the one who tests.
        command = ['git', '-c', 'safe.directory=*', '-C', str(self.root), 'ls-files', '-z',
                   '--cached', '--others', '--exclude-standard']
        try:
            out = subprocess.run(command, capture_output=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            return None
        names = {os.fsdecode(name) for name in out.split(b'\0') if name}
        return [name for name in names if (self.root / name).is_file()]

    def _from_disk(self):
        found = []
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if not SKIPPED_FOLDERS.match(name)]
            for name in files:
                found.append(pathlib.Path(folder, name).relative_to(self.root).as_posix())
        return found

    def __contains__(self, path):
        return path in self._known

    def bytes(self, path):
        return (self.root / path).read_bytes()

    def text(self, path):
        return self.bytes(path).decode('utf-8', errors='replace')

    @functools.cached_property
    def sources(self):
        """Every C and C++ file, in order of path."""
        return [Source(path, self.text(path)) for path in self.paths
                if path.endswith(CODE_SUFFIXES)]
