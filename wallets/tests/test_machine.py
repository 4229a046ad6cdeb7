"""Anything the services can be asked, in any order: the books agree with a model of ten lines."""

from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from config.errors import DomainError
from wallets.models import ExchangeRate, Wallet
from wallets.services import (
    Posting,
    adjust,
    capture,
    charge,
    chargeback,
    convert,
    deposit,
    open_customer,
    open_wallet,
    place_hold,
    post_many,
    refund,
    release,
    set_credit_limit,
)
from wallets.services.audit import audit
from wallets.services.movements import refundable

RATE = Decimal("0.8")
amounts = st.decimals(min_value="0.000001", max_value="60", places=6) | st.sampled_from(
    [Decimal(n) for n in (1, 10, 50)]
)
parts = st.none() | amounts


@dataclass
class Book:
    """What a wallet should look like."""

    wallet: Wallet
    balance: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    credit: Decimal = Decimal(0)
    debt: Decimal = Decimal(0)
    movements: int = 0
    open_holds: dict[int, Decimal] = field(default_factory=dict)

    @property
    def available(self) -> Decimal:
        return self.balance - self.held + self.credit

    def affords(self, amount: Decimal) -> bool:
        return amount <= self.available

    def move(self, delta: Decimal) -> None:
        self.balance += delta
        self.movements += 1
        self.pay_debt()

    def pay_debt(self) -> None:
        self.debt = min(self.debt, max(Decimal(0), -self.available))


class Ledger(RuleBasedStateMachine):
    charges: Bundle = Bundle("charges")
    deposits: Bundle = Bundle("deposits")
    holds: Bundle = Bundle("holds")
    wallets = st.sampled_from(["USD", "GBP"])

    def __init__(self):
        super().__init__()
        self.around = transaction.atomic()  # each example is rolled back
        self.around.__enter__()

    @initialize()
    def open(self):
        customer = open_customer(name="Acme")
        ExchangeRate.objects.create(base="USD", quote="GBP", rate=RATE)
        self.books = {one: Book(open_wallet(customer=customer, currency=one)) for one in ("USD", "GBP")}
        self.count = 0

    def reference(self):
        self.count += 1
        return f"step:{self.count}"

    def attempt(self, allowed, call):
        """The call succeeds exactly where the model allows it; what is refused changes nothing."""
        try:
            with transaction.atomic():
                outcome = call()
        except DomainError:
            assert not allowed
            return None
        assert allowed
        assert repr(call()) == repr(outcome), "a repeat returns something else"
        return outcome

    @rule(target=deposits, currency=wallets, amount=amounts)
    def deposit(self, currency, amount):
        book, reference = self.books[currency], self.reference()
        made = self.attempt(True, lambda: deposit(wallet=book.wallet, amount=amount, reference=reference))
        book.move(amount)
        return made

    @rule(target=charges, currency=wallets, amount=parts)
    def charge(self, currency, amount):
        book, reference = self.books[currency], self.reference()
        if amount is None:  # to the last cent, or one too many
            amount = max(book.available, Decimal("0.000001"))
        made = self.attempt(
            book.affords(amount),
            lambda: charge(wallet=book.wallet, amount=amount, kind="sms", reference=reference, account="revenue:sms"),
        )
        if made:
            book.move(-amount)
        return made

    @rule(target=holds, currency=wallets, amount=amounts)
    def hold(self, currency, amount):
        book, reference = self.books[currency], self.reference()
        hold = self.attempt(
            book.affords(amount), lambda: place_hold(wallet=book.wallet, amount=amount, reference=reference)
        )
        if hold:
            book.held += amount
            book.open_holds[hold.pk] = amount
        return hold

    @rule(target=charges, hold=holds, amount=parts)
    def capture(self, hold, amount):
        if hold is None:
            return None
        book, left, reference = self.left_of(hold)
        taken = left if amount is None else amount
        made = self.attempt(
            0 < taken <= left,
            lambda: capture(hold=hold, amount=amount, kind="sms", reference=reference, account="revenue:sms"),
        )
        if made:
            self.lower(book, hold, taken)
            book.move(-taken)
        return made

    @rule(hold=holds, amount=parts)
    def release(self, hold, amount):
        if hold is None:
            return
        book, left, reference = self.left_of(hold)
        given = left if amount is None else amount
        made = self.attempt(0 < given <= left, lambda: release(hold=hold, amount=amount, reference=reference))
        if made:
            self.lower(book, hold, given)
            book.pay_debt()

    def left_of(self, hold):
        book = next(book for book in self.books.values() if book.wallet.pk == hold.wallet_id)
        return book, book.open_holds.get(hold.pk, Decimal(0)), self.reference()

    def lower(self, book, hold, amount):
        book.open_holds[hold.pk] -= amount
        book.held -= amount

    @rule(original=charges, amount=parts)
    def refund(self, original, amount):
        if original is None:
            return
        book, reference, left = self.books[original.currency], self.reference(), refundable(original)
        given = left if amount is None else amount
        made = self.attempt(0 < given <= left, lambda: refund(original=original, amount=amount, reference=reference))
        if made:
            book.move(given)

    @rule(original=deposits, amount=parts)
    def chargeback(self, original, amount):
        book, reference, left = self.books[original.currency], self.reference(), refundable(original)
        amount = left if amount is None else amount
        made = self.attempt(
            0 < amount <= left,
            lambda: chargeback(original=original, amount=amount, reference=reference, description="", actor="staff:a"),
        )
        if made:
            book.balance -= amount
            book.movements += 1
            book.debt = max(Decimal(0), -book.available)

    @rule(target=holds, currency=wallets, amount=amounts)
    def fraud(self, currency, amount):
        """The way into debt: deposited, held in part, spent, taken back by the payer's bank."""
        made = self.deposit(currency=currency, amount=amount)
        hold = self.hold(currency=currency, amount=Decimal("0.000001"))
        self.charge(currency=currency, amount=None)
        self.chargeback(original=made, amount=None)
        return hold

    @rule(currency=wallets, amount=amounts, up=st.booleans())
    def adjust(self, currency, amount, up):
        book, reference, signed = self.books[currency], self.reference(), amount if up else -amount
        made = self.attempt(
            up or book.affords(amount),
            lambda: adjust(wallet=book.wallet, amount=signed, reference=reference, reason="Why", actor="staff:a"),
        )
        if made:
            book.move(signed)

    @rule(amount=amounts)
    def convert(self, amount):
        source, target, reference = self.books["USD"], self.books["GBP"], self.reference()
        received = (amount * RATE).quantize(Decimal("0.000001"), rounding="ROUND_HALF_UP")
        made = self.attempt(
            source.affords(amount) and received > 0,
            lambda: convert(source=source.wallet, target=target.wallet, amount=amount, reference=reference),
        )
        if made:
            source.move(-amount)
            target.move(received)

    @rule(currency=wallets, limit=st.sampled_from([Decimal(n) for n in (0, 5, 100)]))
    def limit(self, currency, limit):
        book = self.books[currency]
        made = self.attempt(
            book.balance - book.held + limit + book.debt >= 0,
            lambda: set_credit_limit(wallet=book.wallet, credit_limit=limit),
        )
        if made:
            book.credit = limit
            book.pay_debt()

    @rule(lines=st.lists(st.tuples(wallets, st.booleans(), amounts), min_size=1, max_size=6))
    def batch(self, lines):
        sums = dict.fromkeys(self.books, Decimal(0))
        postings = []
        for currency, up, amount in lines:
            sums[currency] += amount if up else -amount
            wallet = self.books[currency].wallet.pk
            sides = {"debit": "cash:bank", "credit": wallet} if up else {"debit": wallet, "credit": "revenue:sms"}
            postings.append(
                Posting(**sides, amount=amount, currency=currency, kind="batch", reference=self.reference())
            )
        allowed = all(book.affords(-sums[one]) or sums[one] >= 0 for one, book in self.books.items())
        try:
            with transaction.atomic():
                assert post_many(postings) == len(postings)
        except DomainError:
            assert not allowed
            return
        assert allowed
        assert post_many(postings) == 0
        for currency, up, amount in lines:
            self.books[currency].balance += amount if up else -amount
            self.books[currency].movements += 1
        for book in self.books.values():
            book.pay_debt()

    @rule(made=consumes(charges))
    def same_reference_for_something_else(self, made):
        if made is None:
            return
        wallet = self.books[made.currency].wallet
        self.attempt(
            False,
            lambda: charge(
                wallet=wallet, amount=made.amount, kind="other", reference=made.reference, account="revenue:sms"
            ),
        )

    @invariant()
    def wallets_are_as_the_model_says(self):
        for book in getattr(self, "books", {}).values():
            wallet = Wallet.objects.get(pk=book.wallet.pk)
            found = (wallet.balance, wallet.held, wallet.credit_limit, wallet.debt, wallet.last_seq)
            assert found == (book.balance, book.held, book.credit, book.debt, book.movements)

    def teardown(self):
        try:
            assert [difference for finding in audit() for difference in finding.differences] == []
        finally:
            transaction.set_rollback(True)
            self.around.__exit__(None, None, None)


@pytest.mark.django_db
def test_any_sequence_of_calls_leaves_the_books_right():
    effort = settings(
        max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
    )
    run_state_machine_as_test(Ledger, settings=effort)
