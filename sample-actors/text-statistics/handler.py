"""A desk that measures texts: what is in one, how alike two are, and how all that it has seen are spread.

Teaches: why one would want Python here. `statistics`, `difflib`, `collections`, `unicodedata` and `re` do the work.
Keeps one measure per text, never a text; the newest are kept, so the state has a bound.
"""

import difflib
import re
import statistics
import unicodedata
from collections import Counter
from dataclasses import dataclass, field

from hydra_sdk import Actor, handles, refuse

MEASURES_MAX = 1_000
"""Most texts that a desk remembers."""
WORDS_SHOWN = 5
"""How many of a text's commonest words are told."""
COMPARED_MAX = 2_000
"""Longest text that is compared, in characters: comparing takes time by the square of it."""

WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
SENTENCE_END = re.compile(r"[.!?…]+(?:\s|$)")


@dataclass
class Measure:
    """What is kept of one text."""

    words: int
    sentences: int
    letters: int


@dataclass
class State:
    """The measures of the newest texts, oldest first."""

    measures: list[Measure] = field(default_factory=list)
    forgotten: int = 0


@dataclass
class Portrait:
    """What is in a text."""

    words: int
    distinct_words: int
    sentences: int
    words_per_sentence: float
    commonest: list[tuple[str, int]]
    scripts: dict[str, int]


@dataclass
class Pair:
    """Two texts to compare."""

    left: str
    right: str


@dataclass
class Likeness:
    """How alike two texts are: 1.0 is equal. `changes` is what turns the left one into the right one."""

    ratio: float
    changes: list[str]


@dataclass
class Spread:
    """How the lengths of all texts are spread, in words."""

    texts: int
    mean: float
    median: float
    deviation: float
    quartiles: list[float]


class TextStatistics(Actor[State]):
    """Measures texts, compares them, and knows how those it has seen are spread."""

    @handles("measure", example="To be, or not to be. That is the question!")
    def measure(self, text: str) -> Portrait:
        """Measures a text and remembers the measure."""
        text = unicodedata.normalize("NFC", text)
        words = [word.casefold() for word in WORD.findall(text)]
        if not words:
            raise refuse("no-words", "a text has one word at least")
        sentences = max(1, len(SENTENCE_END.findall(text)))
        self._remember(Measure(len(words), sentences, sum(map(len, words))))
        counted = Counter(words)
        scripts = Counter(_script(letter) for word in words for letter in word if letter.isalpha())
        return Portrait(
            words=len(words),
            distinct_words=len(counted),
            sentences=sentences,
            words_per_sentence=round(len(words) / sentences, 2),
            commonest=sorted(counted.items(), key=lambda entry: (-entry[1], entry[0]))[:WORDS_SHOWN],
            scripts=dict(sorted(scripts.items())),
        )

    @handles("compare", example=Pair("a red house", "a green house"))
    def compare(self, pair: Pair) -> Likeness:
        """Compares two texts word by word."""
        if max(len(pair.left), len(pair.right)) > COMPARED_MAX:
            raise refuse("text-too-long", f"texts to compare have at most {COMPARED_MAX} characters")
        left, right = WORD.findall(pair.left), WORD.findall(pair.right)
        changes = [line for line in difflib.ndiff(left, right) if line[0] in "+-"]
        return Likeness(round(difflib.SequenceMatcher(None, left, right).ratio(), 4), changes)

    @handles("spread")
    def spread(self) -> Spread:
        """Says how long the texts were that it has measured."""
        lengths = [float(measure.words) for measure in self.state.measures]
        if len(lengths) < 2:
            raise refuse("too-few-texts", "measure two texts at least")
        return Spread(
            texts=len(lengths) + self.state.forgotten,
            mean=round(statistics.fmean(lengths), 2),
            median=statistics.median(lengths),
            deviation=round(statistics.stdev(lengths), 2),
            quartiles=[round(quartile, 2) for quartile in statistics.quantiles(lengths, n=4)],
        )

    def _remember(self, measure: Measure) -> None:
        self.state.measures.append(measure)
        surplus = len(self.state.measures) - MEASURES_MAX
        if surplus > 0:
            del self.state.measures[:surplus]
            self.state.forgotten += surplus


def _script(letter: str) -> str:
    """The script of a letter as Unicode names it: `LATIN`, `GREEK`, `CJK`."""
    return unicodedata.name(letter, "UNKNOWN").split()[0].lower()
