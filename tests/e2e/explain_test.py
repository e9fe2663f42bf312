#!/usr/bin/python3
"""`sluicectl explain` names the server that a connection really reaches, before and after it."""

import harness

from lab import config
from lab.topology import CLIENT
from lab.traffic import get

CONNECTIONS_EACH = 40
FIRST_PORT = 20_000


def endpoint(address, port):
    return f'[{address}]:{port}' if ':' in address else f'{address}:{port}'


def explain(lab, flavour, source, port):
    return lab.sluice.ask('explain', 'tcp', endpoint(source, port), endpoint(flavour.vip, 80))


def compare(lab, flavour, port):
    """What does not agree about one connection, as text; empty when all does."""
    source = CLIENT[flavour.family]
    before = explain(lab, flavour, source, port)
    answer = get(lab.client, flavour.vip, source=(source, port))
    after = explain(lab, flavour, source, port)
    if answer.server is None:
        return f'port {port}: {answer.error}'
    if before['known_flow'] or before['backend'] != answer.server:
        return f'port {port}: reached {answer.server}, explained before: {before}'
    if not after['known_flow'] or after['backend'] != answer.server:
        return f'port {port}: reached {answer.server}, explained after: {after}'
    if before['service'] != flavour.name or before['forward'] != flavour.forward:
        return f'port {port}: another service: {before}'
    return ''


def test_connections(tap, lab):
    for number, flavour in enumerate(config.FLAVOURS):
        first = FIRST_PORT + 1000 * number
        ports = range(first, first + CONNECTIONS_EACH)
        wrong = [text for text in (compare(lab, flavour, port) for port in ports) if text]
        tap.check(not wrong, f'{flavour.name}: explain agrees with {CONNECTIONS_EACH} connections, '
                  'as a miss before and as a hit after', '\n'.join(wrong[:3]))


def test_strangers(tap, lab):
    """Addresses and ports that are nobody's."""
    client = endpoint(CLIENT[4], 40_000)
    other_port = lab.sluice.ask('explain', 'tcp', client, f'{config.FLAVOURS[0].vip}:81')
    tap.check(other_port['backend'] is None and 'drop_no_listener' in str(other_port['reasons']),
              'a port that no service has is dropped, with its counter named', other_port)
    nobody = lab.sluice.ask('explain', 'tcp', client, '198.18.0.1:80')
    tap.check(nobody['service'] is None and 'no VIP' in str(nobody['reasons']),
              'an address that is no VIP is left to the kernel', nobody)
    done = lab.sluice.ctl('explain', 'tcp', client, '[2001:db8:f::10]:80', check=False)
    tap.check(done.returncode != 0 and done.stderr.strip(), 'two families are refused', done)


def test_flows(tap, lab):
    answer = get(lab.client, config.FLAVOURS[0].vip, source=(CLIENT[4], 30_001))
    flows = lab.sluice.ask('flows')['flows']
    found = [flow for flow in flows if flow['source'] == endpoint(CLIENT[4], 30_001)]
    tap.check(len(found) == 1 and found[0]['backend'] == answer.server,
              '`sluicectl flows` lists a connection with its server', found)


if __name__ == '__main__':
    harness.main(test_connections, test_strangers, test_flows)
