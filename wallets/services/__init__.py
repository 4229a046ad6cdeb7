"""The only writers of money. See each module; import from here."""

from wallets.services.accounts import open_customer, open_wallet, set_credit_limit
from wallets.services.alerts import set_alert_levels
from wallets.services.batches import post_many
from wallets.services.buyer import Buyer
from wallets.services.events import News, emit, emit_many
from wallets.services.exchange import Conversion, convert, convert_amount, quantize, rate
from wallets.services.holds import capture, expire_due_holds, place_hold, release
from wallets.services.movements import adjust, charge, chargeback, deposit, refund
from wallets.services.posting import Posting, post
from wallets.services.spending import check_caps, hand_on_spend_cap, set_spend_cap, spend_caps

__all__ = [
    "Buyer",
    "Conversion",
    "News",
    "Posting",
    "adjust",
    "capture",
    "charge",
    "chargeback",
    "check_caps",
    "convert",
    "convert_amount",
    "deposit",
    "emit",
    "emit_many",
    "expire_due_holds",
    "hand_on_spend_cap",
    "open_customer",
    "open_wallet",
    "place_hold",
    "post",
    "post_many",
    "quantize",
    "rate",
    "refund",
    "release",
    "set_alert_levels",
    "set_credit_limit",
    "set_spend_cap",
    "spend_caps",
]
