"""The statistics, natively. `scenarios/` tests the built component."""

from hydra_sdk.testing import Harness

from handler import COMPARED_MAX, MEASURES_MAX, TextStatistics


def desk() -> Harness:
    return Harness(TextStatistics, "text-statistics/desk")


def test_a_text_is_measured() -> None:
    assert desk().ask("measure", "To be, or not to be. That is the question!").reply() == {
        "words": 10,
        "distinct_words": 8,
        "sentences": 2,
        "words_per_sentence": 5.0,
        "commonest": [["be", 2], ["to", 2], ["is", 1], ["not", 1], ["or", 1]],
        "scripts": {"latin": 30},
    }


def test_words_are_equal_however_they_are_written() -> None:
    portrait = desk().ask("measure", "Straße STRASSE café cafe\u0301 λόγος 言葉").reply()
    assert portrait["distinct_words"] == 4
    assert portrait["scripts"] == {"cjk": 2, "greek": 5, "latin": 22}


def test_texts_are_compared() -> None:
    assert desk().ask("compare", {"left": "a red house", "right": "a green house"}).reply() == {
        "ratio": 0.6667,
        "changes": ["- red", "+ green"],
    }
    long = {"left": "a" * (COMPARED_MAX + 1), "right": ""}
    assert desk().ask("compare", long).fault_code == "text-too-long"
    assert desk().ask("compare", {"left": "a"}).fault_code == "body-does-not-decode"


def test_the_spread_is_of_all_texts() -> None:
    writer = desk()
    assert writer.ask("spread").fault_code == "too-few-texts"
    for words in (1, 2, 3, 4, 10):
        writer.ask("measure", "word " * words)
    spread = writer.ask("spread").reply()
    assert spread == {"texts": 5, "mean": 4.0, "median": 3.0, "deviation": 3.54, "quartiles": [1.5, 3.0, 7.0]}


def test_a_text_without_words_is_refused_and_not_remembered() -> None:
    writer = desk()
    assert writer.ask("measure", " 12 … ").fault_code == "no-words"
    assert writer.state is None


def test_the_state_is_bounded() -> None:
    writer = desk()
    writer.state = b'{"measures":[' + b",".join([b'{"words":2,"sentences":1,"letters":8}'] * MEASURES_MAX) + b"]}"
    writer.ask("measure", "one more text")
    assert writer.ask("spread").reply()["texts"] == MEASURES_MAX + 1
    assert writer.state is not None
    assert writer.state.count(b"words") == MEASURES_MAX
