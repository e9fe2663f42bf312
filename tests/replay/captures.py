"""Capture files and runs of sluice-replay, by hand: the judge of a program that uses libpcap does not."""

import json
import pathlib
import struct
import subprocess

ETHERNET = 1
RUN_SECONDS = 60


def pcap(frames, link_type=ETHERNET, snapshot=262_144):
    """The bytes of a pcap file. A frame is its bytes, or (seconds, bytes), or (seconds, bytes, length on the wire)."""
    out = struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, snapshot, link_type)
    for frame in frames:
        seconds, data, *length = frame if isinstance(frame, tuple) else (0, frame)
        micros = round(seconds * 1e6)
        out += struct.pack('<IIII', micros // 1_000_000, micros % 1_000_000, len(data),
                           length[0] if length else len(data)) + data
    return out


def pcapng(frames):
    """The same as pcapng with one interface: section header, interface description, enhanced packets."""
    def block(kind, body):
        body += bytes(-len(body) % 4)
        return struct.pack('<II', kind, len(body) + 12) + body + struct.pack('<I', len(body) + 12)

    out = block(0x0a0d0d0a, struct.pack('<IHHq', 0x1a2b3c4d, 1, 0, -1))
    out += block(1, struct.pack('<HHI', ETHERNET, 0, 0))
    for data in frames:
        out += block(6, struct.pack('<IIIII', 0, 0, 0, len(data), len(data)) + data)
    return out


def frames_of(path):
    """The frames of a pcap file of this machine's byte order or the other."""
    data = pathlib.Path(path).read_bytes()
    order = '<' if data[:4] in (b'\xd4\xc3\xb2\xa1', b'\x4d\x3c\xb2\xa1') else '>'
    out, at = [], 24
    while at < len(data):
        length = struct.unpack_from(order + 'I', data, at + 8)[0]
        out.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return out


class Run:
    """One run of sluice-replay: its exit status, what it printed, and what it would have sent.

    `stages`: (configuration, capture) one after the other; the files of the first are sluice.toml and in.pcap.
    """

    def __init__(self, command, folder, stages, *options, paths=None, out=True):
        folder = pathlib.Path(folder)
        words = [*command]
        for number, (config, capture) in enumerate(stages):
            suffix = str(number or '')
            (folder / f'sluice{suffix}.toml').write_text(config)
            (folder / f'in{suffix}.pcap').write_bytes(capture)
            words += ['--config', folder / f'sluice{suffix}.toml', '--in', folder / f'in{suffix}.pcap']
        self.out_file = folder / 'out.pcap'
        self.out_file.unlink(missing_ok=True)
        words += options
        if out:
            words += ['--out', self.out_file]
        if paths is not None:
            (folder / 'paths').write_text(paths)
            words += ['--paths', folder / 'paths']
        run = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                             timeout=RUN_SECONDS)
        self.status, self.text, self.errors = run.returncode, run.stdout, run.stderr

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def sent(self):
        return frames_of(self.out_file)

    @property
    def verdicts(self):
        return {each['name']: each['count'] for each in self.json['verdicts']}
