"""Staff with a sheet of SMS rates in a real browser: uploaded, looked at, imported."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Browser, chromium
from tests.live import Saldo
from tests.test_browser_admin import log_in

SHEET = "country,mcc,mnc,network,prefixes,price,currency\n{}"
PUT_FILE = """(() => {{
    const data = new DataTransfer();
    data.items.add(new File([{text!r}], 'rates.csv', {{type: 'text/csv'}}));
    document.querySelector('input[name=file]').files = data.files;
}})()"""


@pytest.fixture
def browser(saldo: Saldo, tmp_path: Path) -> Iterator[Browser]:
    with chromium(tmp_path / "profile") as found:
        found.resize(1400)
        log_in(found, saldo)
        yield found


def upload(browser: Browser, saldo: Saldo, *lines: str) -> None:
    browser.open(f"{saldo.url}/admin/catalog/ratesheet/add/")
    browser.run(PUT_FILE.format(text=SHEET.format("\n".join(lines))))
    browser.run("document.querySelector('#ratesheet_form').requestSubmit()")
    browser.wait_for("document.body.innerText.toUpperCase().includes('WRONG LINES')")


def test_a_sheet_is_looked_at_and_imported(browser: Browser, saldo: Saldo) -> None:
    upload(browser, saldo, "MC,212,10,Monaco Telecom,3774,0.11,USD", "DK,238,02,Telenor,,0.0512,USD")
    text = browser.text()
    assert "Monaco" in text
    assert "0.0512 USD" in text

    browser.click("#import-sheet button")

    browser.wait_for("document.body.innerText.includes('1 new, 1 changed, 0 unchanged')")
    price = saldo.value("SELECT amount::text FROM catalog_price WHERE note = 'Rate sheet' ORDER BY id DESC LIMIT 1")
    assert price.rstrip("0") in {"0.11", "0.0512"}


def test_a_wrong_line_is_read_with_its_number_also_on_a_phone(browser: Browser, saldo: Saldo) -> None:
    browser.resize(400)
    upload(browser, saldo, "DK,238,2,Telenor,,0.05,USD")
    assert "leading zeros: not 2" in browser.text()
    assert not browser.run("document.querySelector('#import-sheet')")
    assert browser.run("document.documentElement.scrollWidth") <= 400
