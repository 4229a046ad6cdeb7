"""Networks, their prefixes, and whose number is whose, from open data."""

import random

import phonenumbers
import pytest
from django.core.management import call_command
from phonenumbers import PhoneNumber, PhoneNumberType

from catalog.models import Country, Operator, OperatorPrefix
from catalog.services.countries import load_countries
from catalog.services.dialing import country_of, country_prefixes
from catalog.services.networks import country_mcc, load_networks, network_prefixes
from catalog.services.sms_destinations import create_destination

PHONES = {PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}


def test_every_countrys_example_numbers_lead_to_it():
    for region in phonenumbers.SUPPORTED_REGIONS:
        for kind in (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE):
            example = phonenumbers.example_number_for_type(region, kind)
            if example:
                number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)[1:]
                assert country_of(number) == phonenumbers.region_code_for_number(example), number


def test_phones_of_shared_dial_codes_lead_where_libphonenumber_says():
    shared = [code for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items() if len(regions) > 1]
    chance, seen = random.Random(20261121), 0
    for dial_code in shared * 400:
        found = PhoneNumber(country_code=dial_code, national_number=chance.randrange(10**8, 10**10))
        if phonenumbers.number_type(found) in PHONES:
            seen += 1
            number = f"{dial_code}{found.national_number}"
            assert country_of(number) == phonenumbers.region_code_for_number(found), number
    assert seen > 300


def test_what_is_no_number_is_of_no_country():
    assert [country_of(number) for number in ("", "0", "999", "8835100")] == [None] * 4


def test_no_two_countries_have_one_prefix():
    prefixes = [prefix for own in country_prefixes().values() for prefix in own]
    assert len(prefixes) == len(set(prefixes)) < 1_000


def test_carriers_are_matched_to_networks_by_name():
    known = network_prefixes()
    assert known["25471"] == ("639", "02")  # Safaricom
    assert known["371292"] == ("247", "01")  # LMT
    assert len(known) > 18_000
    assert (country_mcc("DK"), country_mcc("LV")) == ("238", "247")


@pytest.mark.django_db
def test_networks_are_loaded_again_and_again_the_same(capsys):
    call_command("load_networks")
    first = list(OperatorPrefix.objects.order_by("digits").values_list("digits", "operator"))
    call_command("load_networks")
    assert list(OperatorPrefix.objects.order_by("digits").values_list("digits", "operator")) == first
    assert Operator.objects.count() > 1_500
    assert f"{len(first):,} prefixes matched" in capsys.readouterr().out.splitlines()[1]


@pytest.mark.django_db
def test_loading_renews_names_and_prefixes_and_leaves_what_staff_decided():
    load_countries()
    denmark = Country.objects.get(code="DK")
    telenor = Operator.objects.create(country=denmark, mcc="238", mnc="02", name="Sonofon")
    moved = OperatorPrefix.objects.create(operator=telenor, digits="99999")
    load_networks()
    telenor.refresh_from_db()
    assert (telenor.name, telenor.is_active) == ("Telenor", True)
    assert not Operator.objects.get(mcc="238", mnc="01").is_active
    assert not OperatorPrefix.objects.filter(pk=moved.pk).exists()


@pytest.mark.django_db
def test_a_new_destination_gets_the_prefixes_that_are_known():
    load_countries(), load_networks()
    denmark = Country.objects.get(code="DK")
    telenor = create_destination(country=denmark, mcc="238", mnc="02")
    assert telenor.prefixes.count() == OperatorPrefix.objects.filter(operator__mcc="238", operator__mnc="02").count()
    whole = create_destination(country=denmark, mcc="238")
    assert [prefix.digits for prefix in whole.prefixes.all()] == ["45"]
