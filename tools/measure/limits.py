"""What the packet path is held to: a case's cost as a multiple of another figure of the same run."""

import re

YARDSTICK = 'rte_hash'  # the look-up in DPDK's hash table
MACSWAP_SHARE_MIN = 0.30  # of testpmd's packets a second, on null ports


class Limit:
    """Cases of a group that may cost at most so many times what `of` costs."""

    def __init__(self, group, case, at_most, of, statistic='median'):
        self.group = group
        self.case = re.compile(case)
        self.at_most = at_most
        self.of = of  # YARDSTICK, or a case's name in which {flows} is the limited case's flows
        self.statistic = statistic


LIMITS = (
    Limit('tunnel', r'ipip4/1', 0.60, YARDSTICK),
    Limit('tunnel', r'ipip4/64k', 0.75, YARDSTICK),
    Limit('tunnel', r'ipip4/(1M|10M)', 1.15, YARDSTICK),
    Limit('tunnel', r'ipip6/\w+', 1.20, 'ipip4/{flows}'),
    Limit('modes', r'(gue4|gre4|l2dsr4)/\w+', 1.10, 'ipip4/{flows}'),
    Limit('new', r'ipip4/1M/new=100%', 4.0, YARDSTICK),
    Limit('new', r'ipip4/1M/flood=100%', 1.0, 'stateless4/{flows}'),
    Limit('nat', r'nat4(_return)?/\w+', 2.0, 'ipip4/{flows}'),
    Limit('scale', r'ipip4/\w+/services=1000', 1.10, 'ipip4/{flows}'),
    Limit('scale', r'ipip4/\w+/deny=10000', 1.15, 'ipip4/{flows}'),
    # Reloading is no burst's fault in particular, so the mean of all bursts counts.
    Limit('scale', r'ipip4/\w+/reload', 1.02, 'ipip4/{flows}', 'mean'),
)


def limit_of(group, case):
    """The limit that the case is under, or None."""
    for limit in LIMITS:
        if limit.group == group and limit.case.fullmatch(case):
            return limit
    return None


def reference_of(limit, case):
    """The name of the figure that the case is held against."""
    return limit.of.format(flows=case.split('/')[1])
