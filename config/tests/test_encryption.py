"""What must be recoverable can be read by us alone, also while keys are rotated."""

import pytest
from cryptography.fernet import Fernet

from config.encryption import Unreadable, decrypt, encrypt, rotate

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_a_secret_comes_back_and_is_not_to_be_seen_in_what_is_stored():
    stored = encrypt("sgapp_geheim_ü")
    assert decrypt(stored) == "sgapp_geheim_ü"
    assert "sgapp" not in stored


def test_the_same_secret_is_stored_differently_each_time():
    assert encrypt("one") != encrypt("one")


def test_a_new_key_in_front_reads_what_the_old_one_wrote(settings):
    settings.ENCRYPTION_KEYS = [OLD]
    stored = encrypt("secret")
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    assert decrypt(stored) == "secret"


def test_after_rotation_the_old_key_may_go(settings):
    settings.ENCRYPTION_KEYS = [OLD]
    stored = encrypt("secret")
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    rotated = rotate(stored)
    settings.ENCRYPTION_KEYS = [NEW]
    assert decrypt(rotated) == "secret"


def test_without_its_key_a_secret_is_unreadable(settings):
    settings.ENCRYPTION_KEYS = [OLD]
    stored = encrypt("secret")
    settings.ENCRYPTION_KEYS = [NEW]
    with pytest.raises(Unreadable):
        decrypt(stored)
    with pytest.raises(Unreadable):
        rotate(stored)


def test_a_changed_byte_is_noticed():
    stored = encrypt("secret")
    middle = len(stored) // 2
    changed = "A" if stored[middle] != "A" else "B"
    with pytest.raises(Unreadable):
        decrypt(stored[:middle] + changed + stored[middle + 1 :])
