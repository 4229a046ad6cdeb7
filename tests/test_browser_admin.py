"""Staff at work, in a real browser: logging in, depositing in a dialog, reading a story, on a phone too."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.browser import Browser, chromium
from tests.live import Saldo, wait_for
from tests.wire import Client

SUBMIT = "#dialog button[type=submit]"


@pytest.fixture
def browser(saldo: Saldo, tmp_path: Path) -> Iterator[Browser]:
    """Somebody of the staff, logged in."""
    with chromium(tmp_path / "profile") as found:
        found.resize(1400)
        log_in(found, saldo)
        yield found


def log_in(browser: Browser, saldo: Saldo) -> None:
    browser.open(f"{saldo.url}/admin/login/")
    browser.fill("input[name=username]", saldo.world["staff"]["username"])
    browser.fill("input[name=password]", saldo.world["staff"]["password"])
    browser.click("#login-form button")
    browser.wait_for("location.pathname === '/admin/' && document.readyState === 'complete'")


def customer_with_wallet(saldo: Saldo, name: str) -> int:
    """A new customer's wallet, with 10 dollars in it."""
    saldo.customers(**{name: "10"})
    return saldo.value(
        "SELECT account_id FROM wallets_wallet JOIN wallets_customer c ON c.id = customer_id WHERE c.name = %s", name
    )


def balance(saldo: Saldo, wallet: int) -> Decimal:
    return saldo.value("SELECT balance FROM wallets_wallet WHERE account_id = %s", wallet)


def open_dialog(browser: Browser, saldo: Saldo, wallet: int, action: str) -> None:
    browser.open(f"{saldo.url}/admin/wallets/wallet/{wallet}/change/")
    browser.click(f"a[hx-get$='/{action}/']")
    browser.wait_for("document.querySelector('#dialog').offsetParent !== null")


def test_the_first_page_says_what_the_day_brought(browser: Browser) -> None:
    text = browser.text()

    assert "Waiting for somebody" in text
    assert "Today, since midnight UTC" in text
    assert browser.run("document.querySelector('img[alt=Home]').naturalWidth") > 0


def test_a_deposit_in_the_dialog_is_seen_on_the_page_it_came_from(browser: Browser, saldo: Saldo) -> None:
    wallet = customer_with_wallet(saldo, "browser-deposit")
    open_dialog(browser, saldo, wallet, "deposit")
    browser.fill("#dialog input[name=amount]", "12.50")
    browser.fill("#dialog textarea[name=reason]", "Wire 4711")

    # Impatient: twice before the answer is there.
    browser.run(f"(() => {{ const b = document.querySelector({SUBMIT!r}); b.click(); b.click(); }})()")

    browser.wait_for("document.body.innerText.includes('12.50 USD deposited.')")
    assert "22.50 USD" in browser.text()
    assert balance(saldo, wallet) == Decimal("22.5")


def test_a_refusal_is_read_in_the_dialog_and_what_was_typed_stays(browser: Browser, saldo: Saldo) -> None:
    wallet = customer_with_wallet(saldo, "browser-refusal")
    open_dialog(browser, saldo, wallet, "adjust")
    browser.fill("#dialog input[name=amount]", "-11")
    browser.fill("#dialog textarea[name=reason]", "Too much")
    browser.click(SUBMIT)

    browser.wait_for("document.querySelector('#dialog .dialog-error')")
    assert "required 11.00 USD, available 10.00 USD" in browser.text()
    assert browser.run("document.querySelector('#dialog input[name=amount]').value") == "-11"
    assert balance(saldo, wallet) == 10


def test_the_story_of_an_order_shows_its_sms(browser: Browser, saldo: Saldo, owner: Client) -> None:
    number = owner.buy().data["id"]
    wait_for(
        lambda: saldo.value("SELECT status FROM activations_activation WHERE id = %s", number) == "received",
        "the SMS arrives",
    )

    browser.open(f"{saldo.url}/admin/activations/activation/{number}/change/")

    text = browser.text()
    for told in ("Requested", "Held", "Provider called", "SMS from", "Captured"):
        assert told in text


@pytest.mark.parametrize("page", ["", "wallets/transaction/", "wallets/wallet/", "activations/activation/"])
def test_pages_fit_a_phone(browser: Browser, saldo: Saldo, page: str) -> None:
    browser.resize(400)
    browser.open(f"{saldo.url}/admin/{page}")

    assert browser.run("document.documentElement.scrollWidth") <= 400


def test_no_page_calls_for_anything_that_is_not_ours(browser: Browser, saldo: Saldo) -> None:
    browser.open(f"{saldo.url}/admin/wallets/transaction/")

    asked = browser.run("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert asked
    assert [url for url in asked if not url.startswith(saldo.url)] == []


def test_a_dialog_fits_a_phone(browser: Browser, saldo: Saldo) -> None:
    wallet = customer_with_wallet(saldo, "browser-phone")
    browser.resize(400)
    open_dialog(browser, saldo, wallet, "deposit")

    edges = browser.run("(() => { const r = document.querySelector('#modal-content').getBoundingClientRect();"
                        " return [r.left, r.right]; })()")  # fmt: skip
    assert edges[0] >= 0
    assert edges[1] <= 400
