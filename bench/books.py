"""A world to measure in: 10,000 rich wallets, and what is written to them."""

import random
import uuid
from dataclasses import replace
from decimal import Decimal

from django.db import connection

from wallets.models import Account, Customer, Wallet
from wallets.services import Posting, charge, post_many
from wallets.services.accounts import house_accounts

PRICE = Decimal("0.035")
REVENUES = [f"revenue:bench{number}" for number in range(100)]
FACTS = {"kind": "sms_purchase", "description": "SMS to Kenya", "actor": "key:sgk_ab12", "credential": "sgk_ab12"}


class Books:
    """The wallets, in id order, and this run's references."""

    def __init__(self, wallets: int) -> None:
        if not Wallet.objects.exists():
            self._open(wallets)
        self.wallets = list(Wallet.objects.order_by("pk"))
        self.ids = [wallet.pk for wallet in self.wallets]
        self.house = house_accounts({(code, "USD") for code in REVENUES})
        self.run = uuid.uuid4().hex[:12]
        self.batches = 0

    def _open(self, count: int) -> None:
        customers = Customer.objects.bulk_create([Customer(name=f"Customer {n}") for n in range(count)])
        accounts = Account.objects.bulk_create(
            [Account(code=f"wallet:{one.uuid}", type="liability", currency="USD", is_wallet=True) for one in customers]
        )
        Wallet.objects.bulk_create(
            [
                Wallet(account=account, customer=customer, currency="USD", is_default=True)
                for account, customer in zip(accounts, customers, strict=True)
            ]
        )
        post_many(
            Posting(
                debit="cash:bank", credit=account.pk, amount=Decimal(10_000_000), currency="USD", kind="deposit",
                reference=f"deposit:{account.pk}",
            )
            for account in accounts
        )  # fmt: skip

    def charge_any(self, caller: int, number: int) -> None:
        """One charge of any wallet, spread over 100 revenue accounts."""
        self._charge(random.choice(self.wallets), random.choice(REVENUES))

    def charge_to_one_account(self, caller: int, number: int) -> None:
        self._charge(random.choice(self.wallets), REVENUES[0])

    def charge_one_wallet(self, caller: int, number: int) -> None:
        self._charge(self.wallets[0], random.choice(REVENUES))

    def _charge(self, wallet: Wallet, account: str) -> None:
        charge(wallet=wallet, amount=PRICE, reference=f"bench:{uuid.uuid4().hex}", account=account, **FACTS)

    def batch(self, rows: int) -> list[Posting]:
        """Postings over all wallets, as many for each."""
        self.batches += 1
        return [
            Posting(
                debit=self.ids[n % len(self.ids)], credit=REVENUES[n % 100], amount=PRICE, currency="USD",
                reference=f"bench:{self.run}:{self.batches}:{n}", **FACTS,
            )
            for n in range(rows)
        ]  # fmt: skip

    def batch_of_one(self, rows: int) -> list[Posting]:
        """Postings of one wallet."""
        return [replace(posting, debit=self.ids[0]) for posting in self.batch(rows)]

    def bare_insert(self, *, wallets: int | None = None) -> str:
        """pgbench's script: the same row on the same table, with ids instead of codes, and no answer."""
        houses = sorted(self.house.values())
        return f"""
            \\set wallet random({self.ids[0]}, {self.ids[(wallets or len(self.ids)) - 1]})
            \\set house random({houses[0]}, {houses[-1]})
            \\set number random(1, 9000000000000000)
            INSERT INTO wallets_transaction
                (debit_id, credit_id, amount, currency, kind, reference, description, journal, actor, credential)
            VALUES (:wallet, :house, {PRICE}, 'USD', 'sms_purchase', 'bench.' || (:number)::text, 'SMS to Kenya', '',
                    'key.sgk_ab12', 'sgk_ab12');
        """


class BareCopy:
    """The limit of a batch: COPY of finished rows into a copy of the table, indexes and all, without triggers."""

    def __init__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS bench_copy")
            cursor.execute("CREATE TABLE bench_copy (LIKE wallets_transaction INCLUDING ALL)")
            cursor.execute(
                "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute"
                " WHERE attrelid = 'bench_copy'::regclass AND attnum > 0 AND attname <> 'id'"
            )
            self.columns = cursor.fetchone()[0]
            cursor.execute(f"INSERT INTO bench_copy ({self.columns}) SELECT {self.columns} FROM wallets_transaction")

    def last_rows(self, count: int) -> bytes:
        """What the last batch of ours wrote, to be copied once more."""
        query = f"SELECT {self.columns} FROM wallets_transaction ORDER BY id DESC LIMIT {count}"
        with connection.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT") as copy:
            return b"".join(bytes(block) for block in copy)

    def write(self, rows: bytes) -> None:
        with connection.cursor() as cursor, cursor.copy(f"COPY bench_copy ({self.columns}) FROM STDIN") as copy:
            copy.write(rows)
