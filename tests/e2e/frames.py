"""Ethernet frames as bytes, and pcap files of them."""

import ipaddress
import struct

PCAP_HEADER = struct.pack('<IHHiIII', 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)


def mac(text):
    return bytes(int(byte, 16) for byte in text.split(':'))


def checksum(data):
    """The Internet checksum (RFC 1071)."""
    data += b'\0' * (len(data) % 2)
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(source, destination, protocol, payload, ttl=64):
    addresses = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    header = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(payload), 1, 0x4000, ttl, protocol, 0)
    total = checksum(header + addresses)
    return header[:10] + struct.pack('!H', total) + addresses + payload


def udp(source, destination, source_port, destination_port, payload):
    """A UDP datagram over IPv4, checksum included."""
    length = 8 + len(payload)
    pseudo = (ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed +
              struct.pack('!BBH', 0, 17, length))
    header = struct.pack('!HHHH', source_port, destination_port, length, 0)
    total = checksum(pseudo + header + payload) or 0xFFFF
    datagram = header[:6] + struct.pack('!H', total) + payload
    return ipv4(source, destination, 17, datagram)


def ethernet(source, destination, packet):
    return mac(destination) + mac(source) + b'\x08\x00' + packet


def write_pcap(path, frames):
    with open(path, 'wb') as file:
        file.write(PCAP_HEADER)
        for number, frame in enumerate(frames):
            file.write(struct.pack('<IIII', number, 0, len(frame), len(frame)) + frame)


def read_frames(stream):
    """Frames from an open pcap stream, until it ends."""
    if len(stream.read(24)) < 24:
        return
    while len(header := stream.read(16)) == 16:
        length = struct.unpack('<IIII', header)[2]
        frame = stream.read(length)
        if len(frame) < length:
            return
        yield frame
