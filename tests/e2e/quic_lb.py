"""What a server does to make its connection IDs (draft-ietf-quic-load-balancers-21 section 5.4).

Written apart from core/net/quic_lb.cpp on purpose: a mistake there is not repeated here.
"""

import os

ROUNDS = 10


def times_2(value):
    return (value << 1) ^ (0x11b if value & 0x80 else 0)


def make_substitution():
    """The S-box of FIPS 197, by exponents: 3 generates every element but zero."""
    powers = [1]
    while len(powers) < 255:
        powers.append(times_2(powers[-1]) ^ powers[-1])
    box = [0x63] * 256
    for exponent, element in enumerate(powers):
        bits = powers[-exponent % 255]
        rotated = [bits << i | bits >> (8 - i) for i in range(5)]
        mixed = 0x63
        for one in rotated:
            mixed ^= one & 0xff
        box[element] = mixed
    return box


SUBSTITUTION = make_substitution()


def expand_key(key):
    words = [key[i:i + 4] for i in range(0, 16, 4)]
    constant = 1
    while len(words) < 4 * (ROUNDS + 1):
        word = words[-1]
        if len(words) % 4 == 0:
            word = [SUBSTITUTION[byte] for byte in (*word[1:], word[0])]
            word[0] ^= constant
            constant = times_2(constant)
        words.append(bytes(a ^ b for a, b in zip(words[-4], word)))
    return [b''.join(words[i:i + 4]) for i in range(0, len(words), 4)]


def mix(column):
    return [times_2(column[i]) ^ times_2(column[(i + 1) % 4]) ^ column[(i + 1) % 4]
            ^ column[(i + 2) % 4] ^ column[(i + 3) % 4] for i in range(4)]


def aes_encrypt(key, block):
    """One block by AES-128."""
    first, *middle, last = expand_key(key)
    state = bytes(a ^ b for a, b in zip(block, first))
    for number, round_key in enumerate([*middle, last]):
        shifted = [SUBSTITUTION[state[(i + 4 * (i % 4)) % 16]] for i in range(16)]
        if number < len(middle):
            shifted = [byte for i in range(0, 16, 4) for byte in mix(shifted[i:i + 4])]
        state = bytes(a ^ b for a, b in zip(shifted, round_key))
    return state


def four_passes(key, plain):
    """The Feistel network, on whole numbers of half bytes."""
    digits = plain.hex()
    left, right = digits[:len(plain)], digits[len(plain):]
    half = (len(plain) + 1) // 2

    def mask(part, number, at_the_end):
        # An odd half is filled up with four zero bits: at its end on the left, in front on the right.
        filled = part.ljust(2 * half, '0') if not at_the_end else part.rjust(2 * half, '0')
        block = bytes.fromhex(filled).ljust(14, b'\0') + bytes([len(plain), number])
        return aes_encrypt(key, block)[:half].hex()

    def masked(part, digits_of_mask):
        return f'{int(part, 16) ^ int(digits_of_mask, 16):0{len(part)}x}'

    for number in (1, 2, 3, 4):
        if number % 2 == 1:
            right = masked(right, mask(left, number, False)[-len(right):])
        else:
            left = masked(left, mask(right, number, True)[:len(left)])
    return bytes.fromhex(left + right)


def encode(config_id, key, server_id, nonce):
    """A connection ID that tells its own length."""
    rest = server_id + nonce
    if key:
        rest = aes_encrypt(key, rest) if len(rest) == 16 else four_passes(key, rest)
    return bytes([config_id << 5 | len(rest)]) + rest


class Encoder:
    """Makes the connection IDs of one server by one configuration, each with a new nonce."""

    def __init__(self, config_id, key, nonce_length, server_id):
        self.config_id = config_id
        self.key = key
        self.nonce_length = nonce_length
        self.server_id = server_id

    def make(self):
        return encode(self.config_id, self.key, self.server_id, os.urandom(self.nonce_length))
