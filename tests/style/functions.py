"""Finds the functions of C and C++ source by matching braces.

No parser, but not fooled by comments, strings, lambdas, initialisers or member initialiser lists.
What stands at namespace or class scope before a brace says what the brace opens.
"""

import re

TEMPLATE = re.compile(r'\btemplate\s*<')
ATTRIBUTE = re.compile(
    r'\[\[.*?\]\]|\b(?:alignas|__attribute__|SEC)\s*\((?:[^()]|\([^()]*\))*\)', re.DOTALL)
OPERATOR = re.compile(r'\boperator\s*(\(\s*\)|\[\s*\]|[^\s\w(]+)')
TYPE = re.compile(r'^(?:typedef\s+|static\s+|const\s+)*(?:class|struct|union|enum)\b')
NAMESPACE = re.compile(r'^(?:inline\s+)?namespace\b|^extern\s*"\s*"$')
ACCESS = re.compile(r'^(?:public|private|protected)$')
ASSIGNMENT = re.compile(r'(?<![=!<>])=(?!=)')
LAMBDA = re.compile(r'=\s*\[')
# A member's name, perhaps a template's, after the colon or comma of a member initialiser list.
MEMBER = re.compile(r'\)[^;{}]*?(?<!:):(?!:)(?:.*,)?\s*[\w:]+\s*(?:<.*>)?\s*$', re.DOTALL)


class Function:
    def __init__(self, name, first, opening, last):
        self.name = name
        self.first = first  # line of the signature's beginning, from 1
        self.opening = opening  # line of the brace
        self.last = last

    @property
    def length(self):
        return self.last - self.first + 1


def drop_directives(code):
    """Blanks preprocessor lines, and all branches of an #if but the first, so that braces pair."""
    out, dropped, continued = [], [], False
    for line in code.split('\n'):
        directive = re.match(r'\s*#\s*(\w+)', line)
        if continued or directive:
            word = directive[1] if directive and not continued else ''
            if word in ('if', 'ifdef', 'ifndef'):
                dropped.append(False)
            elif word in ('else', 'elif') and dropped:
                dropped[-1] = True
            elif word == 'endif' and dropped:
                dropped.pop()
            continued = line.rstrip().endswith('\\')
            line = ''
        elif any(dropped):
            line = ''
        out.append(line)
    return '\n'.join(out)


def skip_braces(code, position):
    """The position after the brace that closes the one at position."""
    depth = 0
    for match in re.compile(r'[{}]').finditer(code, position):
        depth += 1 if match[0] == '{' else -1
        if depth == 0:
            return match.end()
    return len(code)


def drop_template(header):
    """The header without its leading template<...>, whose arguments may hold = and ( too."""
    match = TEMPLATE.match(header)
    if not match:
        return header
    depth, position = 1, match.end()
    while position < len(header) and depth:
        depth += {'<': 1, '>': -1}.get(header[position], 0)
        position += 1
    return drop_template(header[position:].lstrip())


def without_parentheses(text):
    """Only what stands outside round brackets."""
    out, depth = [], 0
    for character in text:
        depth += character == '('
        if depth == 0:
            out.append(character)
        depth -= character == ')'
    return ''.join(out)


def classify(header):
    """What the brace after the header opens: 'scope', 'function', 'member' or 'other'."""
    header = ATTRIBUTE.sub('', header).strip()
    header = OPERATOR.sub('operator', drop_template(header)).strip()
    if NAMESPACE.match(header):
        return 'scope'
    if TYPE.match(header):
        base = re.search(r'(?<!:):(?!:)', header)
        before_base = header[:base.start()] if base else header
        if '(' not in before_base:
            return 'scope'
    if ASSIGNMENT.search(without_parentheses(header)):
        return 'function' if LAMBDA.search(header) else 'other'
    if MEMBER.search(header):
        return 'member'
    return 'function' if '(' in header else 'other'


def name_of(header):
    """What the reader would call the function."""
    header = drop_template(ATTRIBUTE.sub('', header).strip())
    match = re.search(r'([\w:~]+)\s*(?:=\s*\[|\()', header)
    return match[1] if match else header.split('\n')[0].strip()


def find_functions(code):
    """The functions of code whose comments and strings are blank, without those inside others."""
    code = drop_directives(code)
    found, position, start, depth = [], 0, 0, 0
    for_next = re.compile(r'[(){};:]')
    while match := for_next.search(code, position):
        character, position = match[0], match.end()
        header = code[start:match.start()]
        if character in '()':
            depth = max(0, depth + (1 if character == '(' else -1))
        elif character == ':':
            if ACCESS.match(header.strip()):
                start = position
        elif character == ';' or character == '}':
            if depth == 0:
                start = position
        elif depth > 0:
            position = skip_braces(code, match.start())
        else:
            start, position = open_brace(code, start, match.start(), found)
    return found


def open_brace(code, start, brace, found):
    """Judges one brace, notes the function it opens if it does; gives the new start, position."""
    header = code[start:brace]
    kind = classify(header)
    if kind == 'scope':
        return brace + 1, brace + 1
    end = skip_braces(code, brace)
    if kind != 'function':
        return start, end  # the header goes on after it
    begin = start + len(header) - len(header.lstrip())
    lines = [code.count('\n', 0, place) + 1 for place in (begin, brace, end - 1)]
    found.append(Function(name_of(header), *lines))
    return end, end
