"""The kinds of panels that our dashboards are made of, in one look.

Rule: no panel names a data source; all follow the variable `datasource`. Colours are those of Okabe and Ito
(https://jfly.uni-koeln.de/color/), which people tell apart however they see colour, and a word stands beside each.
"""

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

GOOD, LOW, BAD = "#0072B2", "#E69F00", "#D55E00"
SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")

Steps = Sequence[tuple[float | None, str]]
"""Thresholds: from which value on, None for the lowest, and the colour there."""


def query(
    expr: str, legend: str = "", *, now: bool = False, rows: bool = False
) -> prometheus.Dataquery:
    """Ask Prometheus.

    Args:
        expr: PromQL.
        legend: Grafana's pattern for the name of each series.
        now: Only the value at the end of the time range.
        rows: As a table, a column for each label.
    """
    made = prometheus.Dataquery().expr(expr).legend_format(legend)
    made = made.instant() if now else made.range()
    return made.format(PromQueryFormat.TABLE if rows else PromQueryFormat.TIME_SERIES)


def figures(
    title: str, says: str, ask: prometheus.Dataquery, steps: Steps, *, width: int, nothing: str
) -> stat.Panel:
    """Show the present value of each series, large, its background coloured by `steps`."""
    return (
        stat.Panel()
        .title(title)
        .description(says)
        .datasource(SOURCE)
        .height(5)
        .span(width)
        .with_target(ask)
        .thresholds(thresholds(steps))
        .color_mode(options.BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(options.BigValueGraphMode.NONE)
        .text_mode(options.BigValueTextMode.VALUE_AND_NAME)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value(nothing)
    )


def states(
    title: str, says: str, ask: prometheus.Dataquery, words: Mapping[str, tuple[str, str]]
) -> statetimeline.Panel:
    """Show each series as a band; `words` has a text and a colour for each value. A gap is unknown."""
    shown = {
        value: model.ValueMappingResult(text=text, color=colour, index=index)
        for index, (value, (text, colour)) in enumerate(words.items())
    }
    return (
        statetimeline.Panel()
        .title(title)
        .description(says)
        .datasource(SOURCE)
        .height(8)
        .span(12)
        .with_target(ask)
        .mappings([model.ValueMap(options=shown)])
        .show_value(options.VisibilityMode.NEVER)
    )


def rows(
    title: str,
    says: str,
    ask: prometheus.Dataquery,
    columns: Mapping[str, str],
    *,
    nothing: str,
    unit: str = "short",
) -> tables.Panel:
    """Show a table of the present; `columns` has the heading of each label that is shown, in order."""
    organize = {
        "indexByName": {name: place for place, name in enumerate(columns)},
        "renameByName": dict(columns),
        "includeByName": dict.fromkeys(columns, True),
    }
    return (
        tables.Panel()
        .title(title)
        .description(says)
        .datasource(SOURCE)
        .height(8)
        .span(12)
        .with_target(ask)
        .with_transformation(model.DataTransformerConfig(id_val="organize", options=organize))
        .unit(unit)
        .no_value(nothing)
    )


def lines(
    title: str, says: str, asks: list[prometheus.Dataquery], unit: str, *, width: int = 8
) -> timeseries.Panel:
    """Show series over time, from zero upwards."""
    return (
        timeseries.Panel()
        .title(title)
        .description(says)
        .datasource(SOURCE)
        .height(8)
        .span(width)
        .targets([*asks])
        .unit(unit)
        .min(0)
        .fill_opacity(8)
        .show_points(options.VisibilityMode.NEVER)
    )


def thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    """Return absolute thresholds."""
    made = [model.Threshold(value=value, color=colour) for value, colour in steps]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(made)
