"""The figures as a picture."""

from measure import program
from measure.tables import TITLES

PACKAGE = 'python3-matplotlib'


def load_matplotlib():
    """It is large and few want it, so it is installed when it is first asked for."""
    try:
        import matplotlib
    except ModuleNotFoundError:
        program.say(f'installing {PACKAGE}')
        program.run_quietly(['tools/setup', 'chart'], 'tools/setup chart')
        import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot
    return pyplot


def draw_group(axes, group):
    """A bar for each case, with its limit in ns and the yardstick as lines."""
    cases = group['cases']
    names = [case['name'] for case in cases]
    over = [case['limit'] is not None and not case['limit']['ok'] for case in cases]
    axes.barh(names, [case['ns'] for case in cases],
              color=['#c44e52' if is_over else '#4c72b0' for is_over in over])
    for place, case in enumerate(cases):
        limit = case['limit']
        if limit and limit['is']:
            bound = case['ns'] * limit['at_most'] / limit['is']
            axes.plot([bound, bound], [place - 0.45, place + 0.45], color='black', linewidth=1.5)
    axes.axvline(group['rte_hash_ns'], color='grey', linestyle='--', linewidth=1)
    axes.invert_yaxis()
    axes.set_title(TITLES.get(group['group'], group['group']), fontsize=10, loc='left')
    axes.set_xlabel('ns a packet', fontsize=8)
    axes.tick_params(labelsize=8)


def draw(result, path):
    pyplot = load_matplotlib()
    groups = result['groups']
    heights = [len(group['cases']) + 3 for group in groups]
    figure, all_axes = pyplot.subplots(len(groups), 1, figsize=(9, 0.24 * sum(heights) + 1),
                                       gridspec_kw={'height_ratios': heights}, squeeze=False)
    for axes, group in zip(all_axes[:, 0], groups):
        draw_group(axes, group)
    about = result['about']
    figure.suptitle(f'Sluice {about["commit"]}, {about["machine"]}, one core; dashed: one rte_hash '
                    'look-up; black: limits', fontsize=9)
    figure.tight_layout(rect=(0, 0, 1, 0.99))
    figure.savefig(path, dpi=80)
