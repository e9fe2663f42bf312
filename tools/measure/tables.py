"""The figures as tables, for a terminal or as Markdown."""

TITLES = {
    'tunnel': 'Tunnels: known flows in random order',
    'modes': 'Ways of forwarding',
    'nat': 'NAT, both directions',
    'new': 'New flows, all of them remembered; floods of SYNs against a full table',
    'scale': 'Many services, access lists, reloads',
    'null_port': 'A null port: receive, forward, send; beside dpdk-testpmd doing as little as it can',
}


def render(head, rows, markdown):
    """Columns of numbers are set right."""
    if markdown:
        marks = ['---'] + ['---:'] * (len(head) - 1)
        return '\n'.join('| ' + ' | '.join(row) + ' |' for row in (head, marks, *rows))
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return '\n'.join('  '.join(cell.ljust(width) if i == 0 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))).rstrip()
                     for row in (head, *rows))


def limit_cells(limit):
    """What it is held against, what it may be, and whether it is."""
    if limit is None:
        return ['', '', '']
    if 'at_most' in limit:
        bound, broken = f'at most {limit["at_most"]:.2f}', 'over'
    else:
        bound, broken = f'at least {limit["at_least"]:.2f}', 'under'
    return [f'{limit["is"]:.2f} of {limit["of"]}', bound, 'ok' if limit['ok'] else broken]


def group_table(group, markdown):
    has_instructions = any('instructions' in case for case in group['cases'])
    head = ['case', 'ns', 'Mpps', 'cycles', *(['instructions'] if has_instructions else []),
            'spread', 'of rte_hash', 'is', 'limit', '']
    rows = []
    for case in group['cases']:
        instructions = [f'{case["instructions"]:.0f}' if 'instructions' in case else '']
        rows.append([case['name'], f'{case["ns"]:.1f}', f'{case["mpps"]:.1f}',
                     f'{case["cycles"]:.0f}', *(instructions if has_instructions else []),
                     f'{case["spread_percent"]:.0f} %', f'{case["ratio"]:.2f}',
                     *limit_cells(case['limit'])])
    return render(head, rows, markdown)


def yardstick_line(group):
    return (f'In the same run: one look-up of rte_hash_lookup_bulk_data {group["rte_hash_ns"]:.1f} ns, '
            f'or {group["rte_hash_keys_in_memory_ns"]:.1f} when the keys come from memory too; '
            f'a buffer taken and given back {group["buffers_ns"]:.1f} ns.')


def null_port_table(figures, markdown):
    head = ['case', 'Mpps', 'with writing', 'spread', 'of 5tswap', 'is', 'limit', '']
    rows = [[case['name'], f'{case["mpps"]:.1f}', f'{case["mpps_with_writing"]:.1f}',
             f'{case["spread_percent"]:.0f} %', f'{case["of_5tswap"]:.2f}',
             *limit_cells(case['limit'])] for case in figures['cases']]
    return render(head, rows, markdown)


def testpmd_line(figures):
    return (f'In the same run, testpmd: macswap {figures["macswap_mpps"]:.1f} Mpps, '
            f'5tswap {figures["5tswap_mpps"]:.1f} Mpps.')


def about_line(about):
    pages = 'huge pages' if about['huge_pages'] else 'NO huge pages'
    return (f'{about["machine"]}, {about["cores"]} cores, Linux {about["kernel"]}, {pages}, '
            f'commit {about["commit"] or "unknown"}, {about["date"]}. One core, bursts of '
            f'{about["burst"]}, medians of {about["rounds"]} rounds; cycles are ticks of the '
            f'time-stamp counter at {about["ticks_per_second"] / 1e9:.2f} GHz.')


def section(title, table, note, markdown):
    heading = f'### {title}' if markdown else title
    return '\n\n'.join(filter(None, (heading, table, note))) + '\n'


def group_section(group, markdown=False):
    return section(TITLES.get(group['group'], group['group']), group_table(group, markdown),
                   yardstick_line(group), markdown)


def null_port_section(figures, markdown=False):
    return section(TITLES['null_port'], null_port_table(figures, markdown), testpmd_line(figures),
                   markdown)


def compare_table(rows, markdown=False):
    """rows: [(group, case, its figures now, those then)] of what both have."""
    return render(['case', 'ns then', 'ns now', 'of rte_hash then', 'now', 'now/then'],
                  [[f'{group} {case}', f'{then["ns"]:.1f}', f'{now["ns"]:.1f}',
                    f'{then["ratio"]:.2f}', f'{now["ratio"]:.2f}',
                    f'{now["ratio"] / then["ratio"]:.3f}'] for group, case, now, then in rows],
                  markdown)
