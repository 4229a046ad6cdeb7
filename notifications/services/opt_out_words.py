"""What people answer to an SMS when they want no more of it, or some again.

The words are those that CTIA and the carriers ask for. Sources: AWS End User Messaging, "Required opt-out keywords"
(with ARRET and TD, which Canada asks for); Twilio, "Default opt-out keywords" (STOPALL, OPTOUT, REVOKE). To come
back: START and UNSTOP. YES is left out: it answers other questions as well.
"""

import re
import unicodedata

STOP = frozenset(
    {"stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit", "optout", "opt-out", "opt out",
     "remove", "revoke", "arret", "td"}
)  # fmt: skip
START = frozenset({"start", "unstop"})
LONGEST = 40
AROUND = re.compile(r"^\W+|\W+$")


def is_stop(text: str) -> bool:
    """Is this text, as a whole, the wish to be sent nothing more?"""
    return _word(text) in STOP


def is_start(text: str) -> bool:
    """Is this text, as a whole, the wish to be sent to again?"""
    return _word(text) in START


def _word(text: str) -> str:
    """In lower case, without accents and without what stands around it: `« ARRÊT. »` is `arret`."""
    if len(text) > LONGEST:
        return ""
    plain = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    return " ".join(AROUND.sub("", plain).casefold().split())
