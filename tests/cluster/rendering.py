"""What tests of rendering start from."""

from cluster.load import interpret
from cluster.packaged import RuleFile
from cluster.render import render
from cluster.tree import Tree

# The packaged rules are another part's; what happens to a rule is shown on these.
RULES = (
    RuleFile(
        "example.yml",
        """\
groups:
  - name: example
    rules:
      # Why there is no `for` stays readable.
      - alert: DiskFull
        expr: max (disk_free == 0) by (cluster)
        annotations:
          dashboard_url: HALE_DASHBOARDS/services
          runbook_url: HALE_RUNBOOKS/DiskFull
      - record: hale:nodes:count
        expr: count(up)
      - {alert: NodeDown, expr: up == 0, for: 1m, annotations: {runbook_url: HALE_RUNBOOKS/NodeDown}}
""",
    ),
)


def tree_of(text: str, rules: tuple[RuleFile, ...] = RULES) -> Tree:
    return render(interpret(text, "cluster.yml"), rules)


def text_of(tree: Tree, place: str) -> str:
    return next(file.text for file in tree.files if file.place == place)


SHORT_WAY = """\
exporter: {short_way: {repeat: 30s, ca: /etc/hale/ca.crt, cert: /etc/hale/n.crt, key: /etc/hale/n.key}}
"""
"""A block of cluster.yml that has every exporter post what it knows at once."""
