#!/usr/bin/python3
"""Writes the first inputs of the fuzz targets, from what the other tests have.

Usage: make_corpus.py FOLDER      makes FOLDER/{parse,pipeline,config,http,message,signature}/ and fills them

The fuzzer goes on from there and from tests/fuzz/corpus, where what it found is kept.
"""

import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FAMILIES = ('ipv4', 'ipv6')

REQUESTS = [
    b'GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n',
    b'GET /v1/flows?service=web&limit=3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    b'POST /v1/config/apply HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\na=1\n'
    b'GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n',
    b'PUT /v1/services/a%2fb/backends/c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
]


def choices():
    """The first services of services.cpp, in its order."""
    out = []

    def add(forward, vip, backend):
        out.extend((forward, vip, backend, protocol) for protocol in ('tcp', 'udp'))

    for vip in FAMILIES:
        for forward in ('ipip', 'gue', 'gre'):
            for backend in FAMILIES:
                add(forward, vip, backend)
        add('l2dsr', vip, vip)
        add('nat', vip, vip)
    for vip in FAMILIES:
        add('l3dsr', vip, vip)
        add('local', vip, vip)
    add('nat', 'ipv6', 'ipv4')
    return out


def golden(path):
    """The service and the frames of one file of golden packets."""
    service, frames = {}, []
    for line in path.read_text(encoding='ascii').splitlines():
        key, _, value = line.partition(' ')
        if key == 'service':
            service = dict(word.split('=', 1) for word in value.split())
        elif key == 'in':
            frames.append(bytes.fromhex(value))
    return service, frames


def signed_packets():
    """IP packets with the signature of sluice-pktgen, whose checksums nobody asks about."""
    mark, sequence, time = b'SlG\0', struct.pack('!I', 7), bytes(6)
    layer4 = {17: bytes(8) + mark + sequence + time,
              6: bytes(4) + sequence + mark + b'\x50\x10' + bytes(6) + time}
    for protocol, payload in layer4.items():
        yield bytes([0x45, 0]) + struct.pack('!H', 20 + len(payload)) + bytes(5) + \
            bytes([protocol]) + bytes(10) + payload
        yield bytes([0x60, 0, 0, 0]) + struct.pack('!H', len(payload)) + bytes([protocol]) + \
            bytes(33) + payload


def signed_frames():
    """Each of them plain, behind a tag, and in every tunnel."""
    for inner in signed_packets():
        ether_type = b'\x08\x00' if inner[0] == 0x45 else b'\x86\xdd'
        yield bytes(12) + ether_type + inner
        yield bytes(12) + b'\x81\x00\x00\x07' + ether_type + inner
        for protocol, shim in ((4, b''), (47, bytes(2) + ether_type), (17, bytes(8)),
                               (17, bytes(8) + bytes([0, 4, 0, 0]))):
            yield bytes(12) + b'\x08\x00' + bytes([0x45]) + bytes(8) + bytes([protocol]) + \
                bytes(10) + shim + inner


def write(folder, name, data):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = pathlib.Path(sys.argv[1])
    known = choices()
    for path in sorted((ROOT / 'tests/golden/packets').glob('*.txt')):
        service, frames = golden(path)
        for number, frame in enumerate(frames):
            write(out / 'parse', f'{path.stem}-{number}', frame)
        choice = tuple(service[key] for key in ('forward', 'vip', 'backend', 'protocol'))
        if choice not in known:
            continue
        records = b''.join(b'\0' + struct.pack('<H', len(frame)) + frame for frame in frames
                           if len(frame) < 4096)
        write(out / 'pipeline', path.stem, bytes([known.index(choice), 0]) + records)
    for path in sorted((ROOT / 'docs/examples').glob('*.toml')):
        write(out / 'config', path.stem, path.read_bytes())
    for number, request in enumerate(REQUESTS):
        write(out / 'http', f'request-{number}', b'\xff' + request)
    for number, frame in enumerate(signed_frames()):
        write(out / 'signature', f'signed-{number}', frame)
    for name, kind, body in (
            ('empty-health', 3, bytes(4)),
            ('health-change', 8, struct.pack('<QI', 1, 1) + b'\1\0\0\0a\1\0\0\0b\2\x0a')):
        header = struct.pack('<IHHQQ', 0x43554c53, 3, kind, 1, len(body))
        write(out / 'message', name, b'\xff' + header + body)


if __name__ == '__main__':
    main()
