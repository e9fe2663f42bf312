"""The hash that picks a flow's slot, written a second time (core/flow/five_tuple.h is the first)."""

import ipaddress

MASK64 = (1 << 64) - 1


def mix64(value):
    value ^= value >> 33
    value = value * 0xff51afd7ed558ccd & MASK64
    value ^= value >> 33
    value = value * 0xc4ceb9fe1a85ec53 & MASK64
    return value ^ value >> 33


def as_loaded(data):
    return int.from_bytes(data, 'little')


def flow_hash(source, destination, source_port, destination_port, protocol, seed):
    source, destination = (ipaddress.ip_address(each).packed for each in (source, destination))
    ports = as_loaded(source_port.to_bytes(2, 'big') + destination_port.to_bytes(2, 'big'))
    value = seed ^ (ports << 8 | protocol)
    if len(source) == 4:
        return mix64(mix64(value) ^ (as_loaded(source) << 32 | as_loaded(destination)))
    for word in (source[:8], source[8:], destination[:8], destination[8:]):
        value = mix64(value) ^ as_loaded(word)
    return mix64(value)
