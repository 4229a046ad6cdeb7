"""The key itself: random, recognisable, and refused at a glance when it is not one."""

import string

import pytest

from apikeys.services import secret


def test_a_key_is_the_mark_43_random_and_6_checksum_characters():
    key = secret.new_key()
    assert key.startswith("sgk_")
    assert len(key) == 4 + 43 + 6
    assert set(key[4:]) <= set(string.ascii_letters + string.digits)
    assert secret.is_well_formed(key)


def test_keys_carry_at_least_256_bits_and_do_not_repeat():
    assert 62**43 >= 2**256
    assert len({secret.new_key() for _ in range(1_000)}) == 1_000


def test_the_checksum_is_crc32_in_base62():
    # CRC32("123456789") is 0xCBF43926, the check value of the algorithm.
    value = sum(secret.ALPHABET.index(c) * 62**i for i, c in enumerate(reversed(secret.checksum("123456789"))))
    assert value == 0xCBF43926


def test_every_single_wrong_character_is_noticed():
    key = secret.new_key()
    for place in range(4, len(key)):
        wrong = "A" if key[place] != "A" else "B"
        assert not secret.is_well_formed(key[:place] + wrong + key[place + 1 :])


@pytest.mark.parametrize("text", ["", "sgk_", "sgk_short", "x" * 53, "sgk_" + "é" * 49, "sgk_" + "٣" * 49])
def test_what_has_another_shape_is_no_key(text):
    assert not secret.is_well_formed(text)


def test_a_trailing_newline_makes_it_no_key():
    assert not secret.is_well_formed(secret.new_key() + "\n")


def test_the_digest_depends_on_the_whole_key_and_on_the_pepper(settings):
    settings.KEY_PEPPERS = {"2": "bb" * 32, "1": "aa" * 32}
    key = secret.new_key()
    assert secret.digest(key, "1") != secret.digest(key, "2")
    assert secret.digest(key, "1") != secret.digest(key[:-1] + "-", "1")
    assert secret.digests(key) == [secret.digest(key, "2"), secret.digest(key, "1")]
