"""Codes are found in SMS as the services really write them, and nothing else is taken for one."""
# ruff: noqa: E501  (texts as they are sent)

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activations.services import extract_code

OF_THE_BIG_SERVICES = [
    ("G-123456 is your Google verification code.", "123456"),
    ("G-654321", "654321"),
    ("Your WhatsApp code: 123-456\n\nDon't share this code with others", "123456"),
    (
        "<#> Your WhatsApp code: 482-913\nYou can also tap this link to verify your phone: v.whatsapp.com/482913\nDon't share this code with others\n4sgLq1p5sV6",
        "482913",
    ),
    (
        "Telegram code: 12345\n\nYou can also tap on this link to log in:\nhttps://t.me/login/12345\n\noLeq9AcOZkT",
        "12345",
    ),
    ("Telegram code 54321", "54321"),
    ("FB-12345 is your Facebook confirmation code", "12345"),
    ("548210 is your Facebook code\nH29Q+Fsn4Sr", "548210"),
    ("<#> 123 456 is your Instagram code. Don't share it. SIYRxKrru1t", "123456"),
    ("Use 123 456 to verify your Instagram account.", "123456"),
    ("Your Uber code is 4821. Never share this code. Reply STOP ALL to +1 415-237-0403 to unsubscribe.", "4821"),
    ("Your Apple ID Code is: 123456. Don't share it with anyone.\n@apple.com #123456 %apple.com", "123456"),
    ("123456 is your Amazon OTP. Do not share it with anyone.", "123456"),
    ("Use verification code 5821 for Microsoft authentication.", "5821"),
    ("Microsoft access code: 7391", "7391"),
    ("Use 7391 as Microsoft account security code", "7391"),
    ("PayPal: 482913 is your security code. Don't share your code.", "482913"),
    (
        "[TikTok] 482913 is your verification code, valid for 5 minutes. To keep your account safe, never forward this code.",
        "482913",
    ),
    ("TikTok 4829", "4829"),
    ("Snapchat Code: 482913. Happy Snapping!", "482913"),
    ("Your Discord verification code is: 482913", "482913"),
    ("Your Steam verification code is: K7RTJ", "K7RTJ"),
    ("Steam Guard code: XKCDF", "XKCDF"),
    ("R5K2N is your Steam Guard code", "R5K2N"),
    ("Battle.net: your security code is 4BF7K2Q9. It expires in 15 minutes.", "4BF7K2Q9"),
    ("Battle.net verification code: 83920174", "83920174"),
    ("Your Twitter confirmation code is 7482913.", "7482913"),
    ("Your Tinder code is 482913 dJbA53hG+xQ", "482913"),
    ("Your LINE PIN code is 4821.", "4821"),
    (
        "Your Airbnb verification code is: 4821. Don't share this code with anyone; our employees will never ask for the code.",
        "4821",
    ),
    ("Your Binance verification code is 482913. It expires in 30 mins. Never share it.", "482913"),
    ("eBay: Your security code is 482913. Do not share this code.", "482913"),
    ("Netflix: 482913 is your verification code.", "482913"),
    ("482913 is your Lyft code. Ride on!", "482913"),
    ("Signal: Your SIGNAL verification code is: 482-913", "482913"),
    ("Your Coinbase verification code is: 4829130. Don't share this code with anyone.", "4829130"),
    ("Enter 482913 to continue with Nike.", "482913"),
    ("Your code is 1 2 3 4 5 6", "123456"),
    ("Your code is 12-34-56", "123456"),
    ("Your code is 4821 5739.", "48215739"),
    ("Your Acme code:\n\n4821", "4821"),
    ("482913", "482913"),
    ("Your OpenAI API verification code is: a1B2c3", "a1B2c3"),
]
IN_MANY_LANGUAGES_AND_DIGITS = [
    ("Ваш код подтверждения: 482913. Никому его не сообщайте.", "482913"),
    ("VK: 48291 — ваш код для входа.", "48291"),
    ("Код: 482-913. Не сообщайте его никому. Яндекс", "482913"),
    ("Ваш пароль 4821 действует 5 минут, заказ 998877", "4821"),
    ("Ваш код для входу: 4821", "4821"),
    ("Tu código de verificación de Uber es: 4821", "4821"),
    ("482913 es tu código de Facebook", "482913"),
    ("Votre code de vérification est 482913. Il expire dans 10 minutes.", "482913"),
    ("Ihr Bestätigungscode lautet 482913.", "482913"),
    ("482913 ist dein Instagram-Code.", "482913"),
    ("Ihre TAN für die Überweisung von 1.234,56 EUR lautet 482913", "482913"),
    ("Je verificatiecode is 482913. Deel deze code niet.", "482913"),
    ("Il tuo codice di verifica è 482913", "482913"),
    ("Seu código de verificação é 482913", "482913"),
    ("Doğrulama kodunuz: 482913. Kimseyle paylaşmayın.", "482913"),
    ("Twój kod weryfikacyjny to 482913", "482913"),
    ("Váš ověřovací kód je 482913", "482913"),
    ("Codul tău de verificare este 482913", "482913"),
    ("Din verifieringskod är 482913", "482913"),
    ("Vahvistuskoodisi on 482913", "482913"),
    ("Kode verifikasi Gojek kamu: 4821. JANGAN BERIKAN ke siapa pun.", "4821"),
    ("Ma xac thuc cua ban la 482913, hieu luc 5 phut", "482913"),
    ("Mã xác minh của bạn là 482913", "482913"),
    ("รหัส OTP ของคุณคือ 482913 (Ref: ABCD)", "482913"),
    ("Ο κωδικός επαλήθευσης είναι 482913", "482913"),
    ("קוד האימות שלך הוא 482913", "482913"),
    ("【支付宝】验证码482913，您正在登录，5分钟内有效。", "482913"),
    ("【微信】482913（动态验证码），请在30分钟内填写", "482913"),
    ("您的驗證碼是 482913，請於10分鐘內輸入。", "482913"),
    ("【京东】订单12345678的验证码是 482913", "482913"),
    ("認証コード：482913（有効期限は10分）", "482913"),
    ("[카카오] 인증번호 [482913]를 입력해 주세요.", "482913"),
    ("رمز التحقق الخاص بك هو ٤٨٢٩١٣", "482913"),
    ("کد تأیید شما: ۴۸۲۹۱", "48291"),
    ("आपका ओटीपी ४८२९१३ है", "482913"),
    ("आपका सत्यापन कोड ४८२९ है। 10 मिनट", "4829"),
    ("認証コード：４８２９１３", "482913"),
    ("Your code is ４８２－９１３", "482913"),
    ("Your\N{NO-BREAK SPACE}code:\N{NO-BREAK SPACE}482\N{NO-BREAK SPACE}913", "482913"),
    ("\N{RIGHT-TO-LEFT MARK}رمز التحقق: \u202a482913\u202c", "482913"),
]
BESIDE_OTHER_NUMBERS = [
    (
        "OTP for your payment of INR 5,000.00 at Amazon on card ending 1234 is 482913. Valid till 12:30, 17-04-2024.",
        "482913",
    ),
    ("482913 is the OTP for txn of Rs.2500 on card XX1234 on 17/04/24 at 10:45:12.", "482913"),
    ("2024-04-17 10:30 Your login code 4821. Call 0800 123 4567 if it was not you.", "4821"),
    ("Acme 2024: your code is 2024", "2024"),
    ("On May 12, 2024 you asked for a code: 482913", "482913"),
    ("Order 12345678 confirmed. Pickup code 4821.", "4821"),
    ("Your verification code is 482913 and expires in 300 seconds. Order #778899.", "482913"),
    ("$15.00 off! Your login code is 482913", "482913"),
    ("KSh 1500 received. Confirm with PIN 4821.", "4821"),
    ("Your account (ann@example.com, +1 202 555 0143) code is 482913", "482913"),
    ("4821 is your code. Copyright 2024 Acme, 1600 Amphitheatre Pkwy", "4821"),
    ("Use code 482913. Visit https://example.com/999999?x=123456 or call +442071838750.", "482913"),
    ("Your verification code for Windows11 is 482913", "482913"),
]
WITHOUT_A_CODE = [
    ("Sale 2024! 50% off", ""),
    ("", ""),
    ("   \n ", ""),
    ("Hello, are you coming at 18:30 on 12.05.2024?", ""),
    ("Your parcel 12345678 arrives today between 10:00 and 12:00.", ""),
    ("Your order 482913 has shipped.", ""),
    ("You spent $1234.56 at Walmart. Card ending 4821.", ""),
    ("Call me back: +1 (202) 555-0143", ""),
    ("Use promo code SAVE2024 for 20% off", ""),
    ("Your password was changed on 12 May 2024.", ""),
    ("Flight BA-1234 departs from gate 4821 at 10:45", ""),
    ("See https://example.com/verify/482913", ""),
    ("Happy new year 2025!", ""),
    ("We will never ask for your code.", ""),
    ("M-PESA: you have received KES 5,000 from John.", ""),
    ("🎉🎉🎉", ""),
]
IN_SHORT = [
    ("Code\n4821", "4821"),
    ("Your code: 4821\n", "4821"),
    ("Hi Ann, 4821 is the code for your 2 pm appointment", "4821"),
    ("4821", "4821"),
    ("4821-5739 is your login code", "48215739"),
    ("Kod: 4821", "4821"),
    ("Twitch: Your code is 482913.", "482913"),
    ("Bolt: 4821 – your verification code", "4821"),
    ("(Grab) 482913 is your GrabID activation code, valid for 2 mins", "482913"),
    (
        "Shopee: JANGAN MEMBERITAHU KODE RAHASIA INI KE SIAPA PUN termasuk pihak Shopee. KODE OTP 482913 untuk masuk",
        "482913",
    ),
    ("ZALO: Ma xac thuc 4821", "4821"),
    ("OTP is 482913. Thank you for shopping 2024", "482913"),
    ("Confirm your purchase of 3 items, total 4821 points: code 5739", "5739"),
    ("Deliveroo 4821", "4821"),
    ("Your verification code is:482913", "482913"),
    ("Dein Code:482-913", "482913"),
    ("code=482913", "482913"),
    ("Your login code is\n482 913", "482913"),
    ("Ihr PIN-Code: 4821", "4821"),
]

TEXTS = [*OF_THE_BIG_SERVICES, *IN_MANY_LANGUAGES_AND_DIGITS, *BESIDE_OTHER_NUMBERS, *WITHOUT_A_CODE, *IN_SHORT]
# Shapes that make careless patterns walk the text again and again.
ADVERSARIAL = [
    "code ", "code:1 ", "code is is ", "1234 ", "123 456 ", "1 2 ", "0 1", "a", "1", "A1", "1-", "1.", ".1", "$1,", "1:",
    "+1 ", "x@", "a.b", "aaaaaaaaaaa ", "https://", "https://a ", "order ", "use 1234 to ", "G-", "*", "jan 1, ", " ",
    "\n", "é", "码", "\u202a", "🎉", "\u0661",
]  # fmt: skip


@pytest.mark.parametrize(("text", "code"), TEXTS)
def test_the_code_is_found(text, code):
    assert extract_code(text) == code


def test_there_are_enough_examples_to_mean_something():
    assert len(TEXTS) >= 100
    assert sum(code == "" for _, code in TEXTS) >= 15


@given(st.text(max_size=400))
@settings(max_examples=150)
def test_whatever_comes_the_answer_is_short_ascii_letters_and_digits(text):
    assert re.fullmatch(r"[A-Za-z0-9]{0,32}", extract_code(text), re.ASCII)


PIECES = [
    "code",
    "код",
    "验证码",
    ":",
    " ",
    "\n",
    "-",
    "$",
    "+",
    ".",
    "1234",
    "G-",
    "http://",
    "٤",
    "is",
    "order",
    "\x00",
    "\ud800",
]


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
@settings(max_examples=150)
def test_pieces_of_real_texts_in_any_order_are_survived(text):
    assert re.fullmatch(r"[A-Za-z0-9]{0,32}", extract_code(text), re.ASCII)


@given(st.from_regex(r"[0-9]{6}", fullmatch=True), st.sampled_from(["Acme", "Зум", "微信", "🎉"]))
@settings(max_examples=100)
def test_any_six_digits_behind_the_word_are_the_code(code, name):
    assert extract_code(f"{name}: your code is {code}. Do not share it.") == code


def growth(work, piece):
    """How many times the work, in processor time, eight times the text makes."""

    def seconds(size):
        text = (piece * size)[:size]
        tries = []
        for _ in range(3):
            started = time.thread_time()
            work(text)
            tries.append(time.thread_time() - started)
        return min(tries)

    return seconds(8_000) / max(seconds(1_000), 1e-6)


@pytest.mark.parametrize("piece", ADVERSARIAL)
def test_the_work_grows_with_the_text_and_no_faster(piece):
    """Eight times the text: eight times the work. A pattern that walks it again from every place makes it 64."""
    assert growth(extract_code, piece) < 28


def test_the_growth_test_can_fail():
    """The control: the same measure for a pattern that does walk it again."""
    assert growth(re.compile(r"\s+code").search, " ") > 28
