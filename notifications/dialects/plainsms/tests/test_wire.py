"""How numbers are read."""

import pytest

from config.api import Malformed
from notifications.dialects.plainsms import wire


@pytest.mark.parametrize(
    ("written", "region", "read"),
    [
        ("0701234567", "KE", "+254701234567"),  # as the reference prints it
        (" 0712345678", "KE", "+254712345678"),
        ("0701 234 567", "KE", "+254701234567"),
        ("254701234567", "KE", "+254701234567"),
        ("+254701234567", "KE", "+254701234567"),
        ("701234567", "KE", "+254701234567"),
        ("(202) 555-0143", "US", "+12025550143"),
        ("12025550143", "US", "+12025550143"),
        ("447911123456", "KE", "+447911123456"),  # no Kenyan number, but a British one
        ("00447911123456", "GB", "+447911123456"),
        ("+1234567890", "KE", "+1234567890"),  # nobody's number, and yet in international format
        ("+951490713339111", "US", "+951490713339111"),
    ],
)
def test_a_number_is_read_by_the_customers_region(written, region, read):
    assert wire.number(written, region) == read


@pytest.mark.parametrize(
    "written",
    ["", " ", "abc", "+", "+12", "12345", "+1234567", "+1234567890123456", "+1234567890\n", "٠٧٠١٢٣٤٥٦٧",
     "０７０１２３４５６７",     "0701234567;",
     "+254 70x", "++254701234567", "07012345670701234567", "\x000701234567", "tel:+254701234567"],
)  # fmt: skip
def test_what_is_no_number_is_refused(written):
    with pytest.raises(Malformed, match=r"Invalid phone number format\."):
        wire.number(written, "KE")
