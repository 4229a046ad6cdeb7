"""Finding the verification code in an SMS as the services really write them."""

import re
import unicodedata

# Words that announce a code, in the languages such SMS come in.
ANNOUNCING = (
    "code", "codigo", "código", "codice", "kode", "kod", "kodu", "koodi", "otp", "pin", "passcode",
    "password", "token", "verification", "verify", "verificação", "vérification", "confirmation", "bestätigungscode",
    "код", "пароль", "кодом", "كود", "رمز", "कोड",
    "验证码", "驗證碼", "校验码", "認証コード", "コード", "인증번호", "인증",
)  # fmt: skip
_WORD = "|".join(re.escape(word) for word in sorted(set(ANNOUNCING), key=len, reverse=True))

# What never is a code: links, money, dates, times, percentages, phone numbers.
_NOISE = re.compile(
    r"https?://\S+|www\.\S+"
    r"|[$€£₦₽¥]\s?\d[\d.,]*|\d[\d.,]*\s?(?:USD|EUR|GBP|NGN|KES|GHS|RUB|%|€|£)"
    r"|\b\d{1,2}[:/.]\d{2}(?:[:/.]\d{2,4})?\b|\b\d{4}-\d{2}-\d{2}\b"
    r"|\+\d[\d\s().-]{7,}\d"
    r"|\b\d{1,3}\s?(?:minutes?|mins?|min|hours?|hrs?|seconds?|secs?|days?|минут\w*|minutos?|minuten|分钟|分鐘)",
    re.IGNORECASE,
)
_DASHED = r"\d{3}[- ]\d{3}|\d{4}[- ]\d{4}|\d{2}-\d{2}-\d{2}"
_DIGITS = r"\d{4,10}"
_MIXED = r"(?=[A-Z0-9]*\d)(?=[A-Z0-9]*[A-Z])[A-Z0-9]{5,8}"
_BARE = rf"(?<![\w-])(?:{_DASHED}|{_DIGITS})(?![\w-])"

_PREFIXED = re.compile(r"(?<![A-Za-z0-9])[A-Z]{1,3}-(\d{4,8})(?!\w)")
_ANNOUNCED = re.compile(
    rf"(?:{_WORD})[^0-9A-Za-z]{{0,6}}(?:(?:is|es|est|ist|é|è|adalah|:|-|–|—)\s*)?[^0-9A-Za-z]{{0,4}}"
    rf"(?P<found>{_DASHED}|{_DIGITS}|(?-i:{_MIXED}))(?![\w-])",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    rf"(?<![\w-])(?P<found>{_DASHED}|{_DIGITS}|(?-i:{_MIXED}))(?![\w-])\s*"
    rf"(?:is|es|est|ist|is your|—|-|:|is the)?[^.\n]{{0,40}}?(?:{_WORD})",
    re.IGNORECASE,
)
_ANYWHERE = re.compile(_BARE)
_ANY_MIXED = re.compile(rf"(?<![\w-])(?:{_MIXED})(?![\w-])")


def extract_code(text: str) -> str:
    """The code an SMS carries, without dashes and spaces; "" where there is none.

    `G-123456` → 123456, `123-456` → 123456, `Your code: 1234` → 1234, `R5K2N` next to "code" → R5K2N;
    digits of any script come back as ASCII.
    """
    plain = _NOISE.sub(" ", _ascii_digits(text))
    for pattern in (_PREFIXED, _ANNOUNCED, _BEFORE, _ANYWHERE, _ANY_MIXED):
        found = pattern.search(plain)
        if found:
            groups = found.groupdict()
            code = groups.get("found") or (found.group(1) if found.groups() and not groups else found.group(0))
            return re.sub(r"[\s-]", "", code)
    return ""


def _ascii_digits(text: str) -> str:
    """Digits of every script as 0–9, and full-width letters as plain ones."""
    folded = unicodedata.normalize("NFKC", text)
    return "".join(
        str(unicodedata.digit(character)) if unicodedata.category(character) == "Nd" else character
        for character in folded
    )
