"""How a text is cut, against known answers and an implementation that is not ours."""

import pytest
import smsutil
from hypothesis import example, given
from hypothesis import strategies as st

from notifications.services.segments import ALONE, BASIC, EXTENSION, PART, segment

GSM_TEXT = st.text(st.sampled_from(BASIC + EXTENSION), max_size=700)
# No lone surrogates: the parser at the door refuses them.
ANY_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=400)
EMOJI = "😀"


@pytest.mark.parametrize(
    ("text", "encoding", "count"),
    [
        ("", "gsm7", 1),
        ("a" * 160, "gsm7", 1),
        ("a" * 161, "gsm7", 2),
        ("a" * 159 + "{", "gsm7", 2),
        ("€" * 80, "gsm7", 1),
        ("€" * 81, "gsm7", 2),
        ("a" * 306, "gsm7", 2),
        ("a" * 307, "gsm7", 3),
        ("\f" * 80, "gsm7", 1),
        (EMOJI * 35, "ucs2", 1),
        (EMOJI * 36, "ucs2", 2),
        ("я" * 70, "ucs2", 1),
        ("я" * 71, "ucs2", 2),
        ("я" * 134, "ucs2", 2),
        ("я" * 135, "ucs2", 3),
        ("ç", "ucs2", 1),
        ("Ç", "gsm7", 1),
    ],
)
def test_the_known_answers(text, encoding, count):
    cut = segment(text)
    assert (cut.encoding, cut.count) == (encoding, count)


def test_parts_are_packed_not_divided():
    """Each pair that does not fit leaves a septet empty, so three parts where division says two."""
    text = ("a" * 152 + "{") * 2
    assert segment(text).units == 2 * 154
    assert [len(part) for part in segment(text).parts] == [152, 152, 2]
    assert [len(part) for part in segment(EMOJI * 67).parts] == [33, 33, 1]


def test_the_first_character_outside_gsm_is_named_with_its_place():
    cut = segment("Ça coûte 5 € à Łódź")
    assert (cut.unicode_because, cut.unicode_at) == ("û", 5)
    plain = segment("It costs 5 €")
    assert (plain.unicode_because, plain.unicode_at) == (None, None)


@given(GSM_TEXT | ANY_TEXT)
@example("")
def test_the_parts_are_the_text_and_each_one_fits(text):
    cut = segment(text)
    assert "".join(cut.parts) == text
    assert len(cut.parts) == cut.count
    room = ALONE[cut.encoding] if cut.count == 1 else PART[cut.encoding]
    assert all(_units(part, cut.encoding) <= room for part in cut.parts)
    assert sum(_units(part, cut.encoding) for part in cut.parts) == cut.units
    # Packed: what begins a part would not have fitted into the one before.
    for before, after in zip(cut.parts, cut.parts[1:], strict=False):
        assert _units(before + after[0], cut.encoding) > PART[cut.encoding]


# The oracle takes a bare escape for a character of GSM-7; it is none, and announces one of the extension table.
@given((GSM_TEXT | ANY_TEXT).filter(lambda text: text and "\x1b" not in text))
@example("a" * 152 + "{" + "a" * 20)
@example("я" * 66 + EMOJI + "я" * 20)
def test_an_independent_implementation_agrees(text):
    cut, oracle = segment(text), smsutil.split(text)
    assert cut.encoding == ("gsm7" if smsutil.is_valid_gsm(text) else "ucs2")
    assert [part.content for part in oracle.parts] == cut.parts


def test_a_text_of_a_million_characters_is_cut():
    assert segment("a{" * 500_000).count == 9_804


def _units(text, encoding):
    if encoding == "ucs2":
        return len(text.encode("utf-16-be")) // 2
    return sum(2 if character in EXTENSION else 1 for character in text)
