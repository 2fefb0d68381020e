"""How well the classifier tells failures, on labelled lines, and what a line costs it.

    .venv/bin/python bench/classify.py FILE [--show] [--lines 100000]

FILE has one JSON object a line with `line` and `failure_type`. F1 is of each type, and their mean (macro); of the
benign lines the share that is called a failure is told apart. The cost is CPU time of the lines, in memory: of the
file's lines again and again, which the classifier remembers as it does a flood's; of lines none of which was there
before, each a line of the file with a number behind it, as the lines of one program differ; and each with a word of its
own behind it, so that nothing that was remembered of one helps with the next.

Exit status 1 where what is promised is not kept.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from exporter.failures.classifier import Classifier
from exporter.failures.kinds import BENIGN

MACRO_F1, FALSE_ALARMS, CPU_SECONDS = 0.90, 0.03, 1.0
"""Promised: at least, at most, and at most for 100,000 lines."""

MANY = 100_000
LETTERS = str.maketrans("0123456789abcdef", "ghijklmnopqrstuv")


def main(arguments: Sequence[str] | None = None) -> int:
    """Classify and print what it came to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--show", action="store_true", help="the lines that were told wrong")
    parser.add_argument("--lines", type=int, default=MANY)
    words = parser.parse_args(arguments)
    rows = [json.loads(line) for line in words.file.read_text("utf-8").splitlines()]
    classifier = Classifier()
    pairs = [(row["failure_type"], classifier.classify(row["line"]).kind) for row in rows]
    if words.show:
        for row, (wanted, found) in zip(rows, pairs, strict=True):
            if wanted != found:
                print(f"{wanted} told as {found}: {row['line'][:200]}")
    scores = {kind: f1(pairs, kind) for kind in sorted({wanted for wanted, _ in pairs})}
    counts = Counter(wanted for wanted, _ in pairs)
    for kind, score in scores.items():
        print(f"{kind:20} {counts[kind]:5} lines   F1 {score:.3f}")
    macro = sum(scores.values()) / len(scores)
    false = sum(found != BENIGN for wanted, found in pairs if wanted == BENIGN)
    share = false / max(1, counts[BENIGN])
    lines = [row["line"] for row in rows]
    many = (lines * (words.lines // len(lines) + 1))[: words.lines]
    again = cost(many, classifier)
    seconds = cost([f"{line} {number}" for number, line in enumerate(many)], classifier)
    worst = cost([f"{line} {word(number)}" for number, line in enumerate(many)], classifier)
    print(
        f"macro F1 {macro:.3f}, promised {MACRO_F1}; "
        f"{share:.1%} of benign lines called failures, promised {FALSE_ALARMS:.0%}"
    )
    print(
        f"{words.lines} lines in {again:.2f} s of CPU, or {seconds:.2f} s where each has another number, "
        f"or {worst:.2f} s where each has another word, "
        f"promised {CPU_SECONDS:g} s for {MANY}; {len(classifier.entries)} entries"
    )
    longest = max(seconds, worst) * MANY / words.lines
    return 0 if macro >= MACRO_F1 and share <= FALSE_ALARMS and longest <= CPU_SECONDS else 1


def f1(pairs: Sequence[tuple[str, str]], kind: str) -> float:
    """Return the harmonic mean of precision and recall of one type."""
    right = sum(wanted == found == kind for wanted, found in pairs)
    told = sum(wanted == kind for wanted, _ in pairs) + sum(found == kind for _, found in pairs)
    return 2 * right / told if told else 0.0


def word(number: int) -> str:
    """Return a word of letters that no other number has."""
    return f"{number:x}".translate(LETTERS)


def cost(lines: Sequence[str], classifier: Classifier) -> float:
    """Return the CPU seconds for these lines."""
    began = time.process_time()
    for line in lines:
        classifier.classify(line)
    return time.process_time() - began


if __name__ == "__main__":
    sys.exit(main())
