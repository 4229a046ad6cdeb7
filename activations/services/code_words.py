"""The words and shapes around codes, in the languages in which such SMS come. Patterns only: see `codes`.

Every repetition is bounded or runs to the end of what it eats, so no text makes them slow.
"""

import re

# A code is announced by these, wherever they stand in a longer word: Bestätigungscode, verificatiecode, кодом.
_INSIDE = (
    "code", "código", "codigo", "codice", "kode", "kód", "koodi", "password", "passwort", "passcode", "wachtwoord",
    "senha", "contraseña", "mot de passe", "verifi", "verific", "vérifi", "confirm", "token", "doğrulama", "şifre",
    "xác thực", "xác minh", "xac thuc", "xac minh", "msimbo", "hitelesít",
    "код", "парол", "подтвержд", "κωδικ", "קוד", "סיסמ", "كود", "رمز", "کد", "کوڈ", "تحقق", "تأیید",
    "कोड", "ओटीपी", "কোড", "குறியீடு", "รหัส", "კოდ", "կոդ",
    "验证码", "驗證碼", "校验码", "校驗碼", "动态码", "确认码", "認證碼", "確認碼", "认证码",
    "認証コード", "認証番号", "確認コード", "コード", "暗証番号", "인증", "확인 코드", "코드",
)  # fmt: skip
# These only as a word, or as the beginning of one.
_WHOLE = ("otp", "pin", "mtan", "tan", "2fa", "mã", "sandi")
_BEGINNING = ("kod", "codul", "parol")

ANNOUNCING = re.compile(
    "|".join(
        (
            "(?:" + "|".join(sorted(map(re.escape, _INSIDE), key=len, reverse=True)) + r")[^\W\d_]{0,12}",
            r"\b(?:" + "|".join(_WHOLE) + r")(?![^\W\d_])",
            r"\b(?:" + "|".join(_BEGINNING) + r")[^\W\d_]{0,12}",
        )
    ),
    re.IGNORECASE,
)

# All that may stand between the word and a code that is right beside it.
_LINK = (
    r"is|are|es|est|ist|lautet|é|è|e|är|er|on|jest|je|este|adalah|ialah|la|là|esta|está|:|это|ваш|е|είναι|"
    r"है|هو|هي|は|が|为|為|是|は"
)
LINKS = re.compile(rf"\W{{0,6}}(?:(?:{_LINK})\W{{0,6}}){{0,2}}", re.IGNORECASE)
# What makes of "K7RTJ …" the beginning of "K7RTJ is your Steam Guard code".
IS_YOUR = re.compile(r"[\s\"'”’)\]】-]{0,4}(?:is|es|est|ist|é|è|jest|je|это|ваш|-)\b", re.IGNORECASE)

# Behind these a number is something else than a code.
NEVER_BEFORE = re.compile(
    r"(?:\b(?:order|invoice|ticket|ref|reference|case|parcel|package|tracking|shipment|booking|reservation|flight|room|"
    r"flat|apartment|gate|account|acct|a/c|card|ending|ends|call|phone|tel|since|year|in|zip|bus|train|policy|"
    r"transaction|txn|contract|customer|member|"
    r"pedido|factura|fatura|cuenta|conta|tarjeta|commande|facture|compte|carte|bestellung|rechnung|konto|karte|kunden|"
    r"ordine|zamówieni\w{0,3}|pesanan|sipariş\w{0,4}|заказ\w{0,2}|сч[её]т\w{0,2}|карт\w{0,3}|договор\w{0,2})"
    r"|订单|訂單|订单号|尾号|尾號|单号|注文|注文番号|주문|주문번호)"
    r"[^\w+]{0,3}(?:(?:no|nr|num|number|nummer|número|numero|id|code|in|with|№)\b[^\w+]{0,4}){0,2}\Z"
    r"|№\s?\Z"
    r"|\b(?:stop|help|reply|text|sms)\b[^.\n]{0,16}\bto\s\Z",
    re.IGNORECASE,
)

_MONTHS = (
    r"jan\w{0,6}|feb\w{0,6}|mar\w{0,3}|apr\w{0,3}|may|jun\w?|jul\w?|aug\w{0,4}|sep\w{0,6}|oct\w{0,5}|nov\w{0,5}|"
    r"dec\w{0,5}"
)
_CURRENCY = (
    r"USD|EUR|GBP|NGN|KES|GHS|RUB|INR|BRL|TRY|PLN|IDR|VND|JPY|CNY|AED|SAR|KSh|GH₵|Rs\.?|R\$|руб\w{0,3}\.?|zł|kr|"
    r"₽|円|元|원|€|\$|£|₦|₹|¥|₴|₫"
)
_AMOUNT = r"[0-9][0-9.,]{0,20}(?:[ ][0-9]{3}){0,3}"

NOISE = re.compile(
    "|".join(
        (
            # Codes of another kind.
            r"\b(?:promo(?:tional|tion)?|discount|coupon|voucher|gift|referral|invite|invitation|zip|postal|post|country|"
            r"area|dress|qr|bar|sort|swift|source|dis|en|de|промо)[ -]?(?:codes?|код\w{0,2}|kod\w{0,3})\b",
            # Links and addresses.
            r"(?:https?://|www\.)\S+",
            r"\b[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}/\S*",
            r"(?<![\w.+-])[\w.+-]{1,64}@[\w.-]{1,253}",
            # The hash by which an Android app finds its SMS: the last 11 characters.
            r"(?:^|\s)(?=\S{0,10}[0-9+/]|\S{0,9}[a-z][A-Z])[A-Za-z0-9+/]{11}\s*\Z",
            # Money, percentages, decimals.
            rf"(?:{_CURRENCY})\s?{_AMOUNT}|{_AMOUNT}\s?(?:(?:{_CURRENCY})(?![^\W\d_])|%)",
            r"(?<![0-9.,])[0-9]{1,3}(?:,[0-9]{3}){1,4}(?![0-9])|(?<![0-9.])[0-9]{1,9}\.[0-9]{1,2}(?![0-9.])",
            # Dates and times.
            r"(?<![0-9])[0-9]{4}([-/.])[0-9]{1,2}\1[0-9]{1,2}(?![0-9])|(?<![0-9])[0-9]{1,2}([/.-])[0-9]{1,2}\2[0-9]{4}(?![0-9])",
            r"(?<![0-9])[0-9]{1,2}([/.])[0-9]{1,2}\3[0-9]{2}(?![0-9])|[0-9]{4}年(?:[0-9]{1,2}月)?(?:[0-9]{1,2}日)?",
            rf"\b(?:{_MONTHS})\.?\s[0-9]{{1,2}},?\s[0-9]{{4}}\b|\b[0-9]{{1,2}}\s(?:{_MONTHS})\.?,?\s[0-9]{{4}}\b",
            r"(?<![0-9:])[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?![0-9:])",
            # How long a code lasts.
            r"(?<![0-9])[0-9]{1,5}[ -]?(?:minut\w{0,4}|mins?|min|hours?|hrs?|seconds?|secs?|days?|минут\w{0,2}|мин|"
            r"секунд\w{0,2}|час\w{0,2}|minutos?|horas?|heures?|stunden?|dakika|menit|phút|phut|minuut|分钟|分鐘|分|秒|시간|분|"
            r"دقائق|دقيقة|मिनट|นาที)(?![A-Za-z])",
            # Phone numbers, cards with stars.
            r"\+[0-9]{7,15}(?![0-9])|\+[0-9]{1,4}(?:[ .()-]{1,2}[0-9]{2,4}){1,4}",
            r"(?<![0-9])\(?[0-9]{1,4}\)?[ .-][0-9]{3}[ .-][0-9]{4}(?![0-9])",
            r"(?<![0-9])0[0-9]{2,4}[ -][0-9]{3}[ -][0-9]{3,4}(?![0-9])",
            r"[*•xX.]{2,16}[ -]?[0-9]{2,6}(?![0-9])",
        )
    ),
    re.IGNORECASE,
)
