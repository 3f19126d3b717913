"""Gradient flows in the plane of class margin and score gap, and against time."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from attention_zoo.plots._style import COLOURS, DPI, FAINT, INK, WIDTH, add_legend

_STYLES = ("-", "--", "-.", (0, (1, 1.2)))
_MARKERS = ("o", "s", "^", "D")
_PANELS = {
    "mu": r"class margin $\mu$",
    "nu": r"score gap $\nu$",
    "attention": "attention on the foreground, $a$",
}
_DOTS = 14  # of a measured run


def phase_portrait(flows, measured=None):
    """Draws flows in the plane of mu and nu, and mu, nu and attention against time.

    Lines are theory, markers of the same colour what was measured, some points of it evenly along
    the path. Time is on a logarithmic axis, from where the first flow has come 1 % of its way.

    Args:
        flows: by name, such as "soft", up to four flows with times, in order, mu, nu and
            attention, arrays `(n,)`: `dynamics.Trajectory`.
        measured: some of these names, with flows like these; or None.

    Returns:
        The figure, 900 pixels wide, four axes.

    Reference: arXiv:2307.13421, trajectories in the orthogonal setting.
    """
    measured = measured or {}
    _check(flows, measured)
    figure = Figure((WIDTH, 7.4), dpi=DPI, facecolor="white", layout="constrained")
    plane, *panels = figure.subplots(2, 2).ravel()
    for i, (name, flow) in enumerate(flows.items()):
        line = {"color": COLOURS[i], "ls": _STYLES[i], "lw": 1.8, "gid": name}
        dots = {"color": COLOURS[i], "marker": _MARKERS[i], "gid": f"measured {name}"}
        _draw_flow(plane, panels, flow, line)
        if name in measured:
            every = {"ls": "", "ms": 5, "mfc": "white", "mew": 1.3, "markevery": 1}
            _draw_flow(plane, panels, _some_points(measured[name]), dots | every)
    _label(plane, _PANELS["mu"], _PANELS["nu"])
    begin = min(_time_of_progress(flow, 0.01) for flow in flows.values())
    for ax, text in zip(panels, _PANELS.values(), strict=True):
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_xlim(begin, max(flow.times[-1] for flow in flows.values()))
        _label(ax, "time (steps × learning rate)", text)
    _add_legend(figure, flows, measured)
    return figure


def _draw_flow(plane, panels, flow, style):
    plane.plot(flow.mu, flow.nu, **style)
    later = flow.times > 0
    for ax, name in zip(panels, _PANELS, strict=True):
        ax.plot(flow.times[later], getattr(flow, name)[later], **style)


def _some_points(flow):
    """A flow at some of its times, evenly along its path."""
    wanted = np.linspace(0, 1, _DOTS + 1)[1:]
    rows = np.unique(np.abs(_progress(flow)[:, None] - wanted).argmin(axis=0))
    return type(flow)(**{name: values[rows] for name, values in vars(flow).items()})


def _time_of_progress(flow, progress):
    return np.min(flow.times[(flow.times > 0) & (_progress(flow) >= progress)])


def _progress(flow):
    """How far along its path a flow is, from 0 at its start to 1 at its end."""
    return (_share_of_way(flow.mu) + _share_of_way(flow.nu)) / 2


def _share_of_way(gap):
    """From 0 to 1; 1 where there is no way to go."""
    way = gap[-1] - gap[0]
    return (gap - gap[0]) / way if way else np.ones_like(gap)


def _label(ax, x, y):
    ax.set_xlabel(x, color=INK)
    ax.set_ylabel(y, color=INK)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color=FAINT)
    ax.set_axisbelow(True)


def _add_legend(figure, flows, measured):
    entries: dict[str, dict] = {
        name: {"color": COLOURS[i], "ls": _STYLES[i], "lw": 1.8} for i, name in enumerate(flows)
    }
    if measured:
        ring = {"color": INK, "ls": "", "marker": "o", "ms": 5, "mfc": "white"}
        entries = {f"{name}, theory": style for name, style in entries.items()}
        entries["measured in training"] = ring
    add_legend(figure, entries, "outside upper left")


def _check(flows, measured):
    if not 1 <= len(flows) <= len(_STYLES):
        raise ValueError(f"flows has {len(flows)} names, expected 1 to {len(_STYLES)}")
    for name in measured:
        if name not in flows:
            raise ValueError(f"measured has {name!r}, expected some of {list(flows)}")
    for name, flow in [*flows.items(), *measured.items()]:
        shapes = {key: np.shape(getattr(flow, key)) for key in ("times", *_PANELS)}
        if len(set(shapes.values())) > 1 or len(shapes["times"]) != 1 or len(flow.times) < 2:
            raise ValueError(f"{name} has shapes {shapes}, expected (n,) with n 2 or more")
