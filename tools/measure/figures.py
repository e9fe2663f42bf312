"""From what bench_packets and testpmd say to figures: nanoseconds, and ratios within a round."""

import statistics

from measure.limits import MACSWAP_SHARE_MIN, YARDSTICK, limit_of, reference_of

COMPLETE = 0.999  # of its packets a case must have sent, and of its flows known at the end
HIDDEN_TENTH = 0.1


def spread_percent(values):
    """How far apart the middle four fifths of the values are."""
    ordered = sorted(values)
    cut = int(len(ordered) * HIDDEN_TENTH)
    middle = ordered[cut:len(ordered) - cut]
    centre = statistics.median(ordered)
    return 100 * (middle[-1] - middle[0]) / centre if centre else 0.0


def ratio(values, others):
    """The median over rounds: both are of the same round, so the machine's moods cancel out."""
    return statistics.median(value / other for value, other in zip(values, others) if other)


class Clock:
    """Ticks in nanoseconds."""

    def __init__(self, ticks_per_second):
        self.ns_per_tick = 1e9 / ticks_per_second

    def ns(self, rounds):
        return statistics.median(rounds) * self.ns_per_tick


def judge(group, case, rounds):
    """The case's limit, what it is held against and what came of it; None without one."""
    limit = limit_of(group, case)
    reference = reference_of(limit, case) if limit else None
    if limit is None or reference not in rounds:
        return None
    value = ratio(rounds[case][limit.statistic], rounds[reference][limit.statistic])
    return {'of': reference, 'at_most': limit.at_most, 'is': round(value, 3),
            'ok': value <= limit.at_most}


def case_figures(group, case, clock, rounds):
    ticks = case['ticks']
    ns = clock.ns(ticks['median'])
    figures = {
        'name': case['name'],
        'ns': round(ns, 2),
        'ns_mean': round(clock.ns(ticks['mean']), 2),
        'cycles': round(statistics.median(ticks['median']), 1),
        'mpps': round(1e3 / ns, 2) if ns else 0.0,
        'spread_percent': round(spread_percent(ticks['median']), 1),
        'ratio': round(ratio(ticks['median'], rounds[YARDSTICK]['median']), 3),
        'limit': judge(group, case['name'], rounds),
        'sent': case['sent'],
        'remembered': case['remembered'],
        'bursts': case['bursts'],
    }
    if case['reloads']:
        figures['reloads'] = case['reloads']
    return figures


def group_figures(line, clock):
    """Of one group, from the line that bench_packets writes about it."""
    rounds = {case['name']: case['ticks'] for case in line['cases']}
    rounds[YARDSTICK] = line['rte_hash']['ticks']
    return {
        'group': line['group'],
        'rte_hash_ns': round(clock.ns(line['rte_hash']['ticks']['median']), 2),
        'rte_hash_keys_in_memory_ns':
            round(clock.ns(line['rte_hash_keys_in_memory']['ticks']['median']), 2),
        'rte_hash_misses': line['rte_hash']['misses'],
        'buffers_ns': round(clock.ns(line['buffers']['ticks']['median']), 2),
        'cases': [case_figures(line['group'], case, clock, rounds) for case in line['cases']],
    }


def incomplete(groups):
    """[(case, what is wrong)]: figures of packets that did not go where they should."""
    found = []
    for group in groups:
        if group['rte_hash_misses']:
            found.append((f'{group["group"]} rte_hash', 'keys were not found'))
        for case in group['cases']:
            for key, word in (('sent', 'packets were sent'), ('remembered', 'flows are known')):
                if case[key] < COMPLETE:
                    found.append((f'{group["group"]} {case["name"]}',
                                  f'only {case[key]:.2%} of its {word}'))
    return found


def null_port_figures(rounds, clock):
    """From rounds of {'macswap': packets a second, '5tswap': the same, 'cases': [...]}."""
    macswap = [one['macswap'] for one in rounds]
    out = {'macswap_mpps': round(statistics.median(macswap) / 1e6, 2),
           '5tswap_mpps': round(statistics.median(one['5tswap'] for one in rounds) / 1e6, 2),
           'cases': []}
    for place, case in enumerate(rounds[0]['cases']):
        ticks = [one['cases'][place]['ticks'] for one in rounds]
        written = [one['cases'][place]['ticks_with_writing'] for one in rounds]
        rates = [1e9 / (value * clock.ns_per_tick) for value in ticks]
        share = ratio(rates, macswap)
        out['cases'].append({
            'name': case['name'],
            'mpps': round(statistics.median(rates) / 1e6, 2),
            'mpps_with_writing': round(1e3 / clock.ns(written), 2),
            'of_5tswap': round(ratio(rates, [one['5tswap'] for one in rounds]), 3),
            'spread_percent': round(spread_percent(rates), 1),
            'sent': rounds[-1]['cases'][place]['sent'],
            'limit': {'of': 'testpmd macswap', 'at_least': MACSWAP_SHARE_MIN,
                      'is': round(share, 3), 'ok': share >= MACSWAP_SHARE_MIN},
        })
    return out
