"""hale-cluster: check a cluster.yml, render what native tools need, print its schema.

Exit status: `check` 0 nothing to warn of, 1 warnings, 2 errors; `render` 0 done, 1 differences
under --diff, 2 nothing or not everything was written; 2 also for a command that makes no sense.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from cluster.checks import check
from cluster.errors import ConfigErrors, Problem, did_you_mean, dotted
from cluster.finding import Finding, Severity, exit_status
from cluster.load import Loaded, read
from cluster.packaged import alerts, rule_files, runbooks
from cluster.render import render
from cluster.schema import schema_json
from cluster.subject import Subject
from cluster.tree import Tree

OK, DIFFERENT, WRONG = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    args = _parser().parse_args(argv)
    try:
        match args.command:
            case "check":
                return _check(args)
            case "render":
                return _render(args)
            case _:
                sys.stdout.write(schema_json())
                return OK
    except ConfigErrors as errors:
        _refuse(errors, args.output)
    except BrokenPipeError:
        # Whoever read us has seen enough; Python would complain once more while it ends.
        sys.stderr.close()
    except OSError as error:
        # Of a file that could not be put in its place the second name is that place.
        name = error.filename2 or error.filename or "hale-cluster"
        print(f"{name}: {error.strerror or error}.", file=sys.stderr)
    return WRONG


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hale-cluster", description="Describe a cluster once, in cluster.yml."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    look = _command(commands, "check", "find what will hurt before it does", "cluster.yml")
    look.add_argument("file", help="a cluster.yml")
    write = _command(
        commands, "render", "write what native tools need, per node", "cluster.yml out --diff"
    )
    write.add_argument("file", help="a cluster.yml")
    write.add_argument("folder", type=_folder, help="written as FOLDER/NODE/PATH")
    write.add_argument("--diff", action="store_true", help="show what would change; write nothing")
    write.add_argument("--node", help="this node's files alone")
    _command(commands, "schema", "print the JSON Schema of cluster.yml", "> cluster.schema.json")
    return parser


def _folder(text: str) -> Path:
    """Take a folder's name; an empty one, as of a variable that is not set, would be where we are."""
    if not text:
        raise argparse.ArgumentTypeError("wanted a folder, saw nothing")
    return Path(text)


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    purpose: str,
    example: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=purpose,
        description=f"{purpose[0].upper()}{purpose[1:]}.",
        epilog=f"Example: hale-cluster {name} {example}",
    )
    command.add_argument(
        "--output", choices=("text", "json"), default="text", help="default: %(default)s"
    )
    return command


def _check(args: argparse.Namespace) -> int:
    loaded = read(args.file)
    findings = check(Subject(loaded, alerts(rule_files()), runbooks()))
    if args.output == "json":
        _print_json({"findings": [_finding(finding) for finding in findings]})
    else:
        for finding in findings:
            print(finding)
        print(_summary(loaded, findings))
    return exit_status(findings)


def _summary(loaded: Loaded, findings: Sequence[Finding]) -> str:
    counts = [
        f"{sum(finding.code.severity is severity for finding in findings)} {severity.value}"
        for severity in (Severity.ERROR, Severity.WARNING, Severity.INFO)
    ]
    nodes = len(loaded.cluster.nodes)
    return (
        f"{loaded.document.name}: cluster {loaded.cluster.name}, {nodes} nodes: {', '.join(counts)}"
    )


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "code": finding.code.word,
        "severity": finding.code.severity.value,
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "path": dotted(finding.path),
        "reason": finding.reason,
        "remedy": finding.remedy,
    }


def _render(args: argparse.Namespace) -> int:
    loaded = read(args.file)
    tree = render(loaded, rule_files())
    if args.node is not None:
        known = list(loaded.cluster.nodes)
        if args.node not in known:
            remedy = did_you_mean(args.node, known)
            raise ConfigErrors([Problem(args.file, 1, 1, ("nodes", args.node), "unknown.", remedy)])
        tree = tree.of(args.node)
    return _show_changes(tree, args) if args.diff else _write(tree, args)


def _show_changes(tree: Tree, args: argparse.Namespace) -> int:
    lines = list(tree.differences(args.folder))
    if args.output == "json":
        _print_json({"diff": lines})
    else:
        sys.stdout.writelines(lines)
    return DIFFERENT if lines else OK


def _write(tree: Tree, args: argparse.Namespace) -> int:
    tree.write(args.folder)
    left_over = tree.left_over(args.folder)
    if args.output == "json":
        _print_json({"written": [f.place for f in tree.files], "left_over": list(left_over)})
        return OK
    print(f"{len(tree.files)} files written to {args.folder}")
    for place in left_over:
        print(f"{place} is not rendered any more. Remove it, here and on the node.")
    return OK


def _refuse(errors: ConfigErrors, output: str) -> None:
    if output == "text":
        print(errors, file=sys.stderr)
        return
    problems = [
        {
            "file": problem.file,
            "line": problem.line,
            "column": problem.column,
            "path": dotted(problem.path),
            "message": problem.message,
            "remedy": problem.remedy,
        }
        for problem in errors.problems
    ]
    _print_json({"errors": problems})


def _print_json(content: object) -> None:
    print(json.dumps(content, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    sys.exit(main())
