"""The bodies of an e-mail: HTML that stays as it came but for its links, and the same as text."""

import time

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from notifications.mail.bodies import read

PIXEL = "https://us.example/p.gif"


def tracked(html: str) -> str:
    return read(html).tracked(link=lambda url: f"https://us.example/?to={len(url)}", pixel=PIXEL)


@pytest.mark.parametrize(
    ("html", "becomes"),
    [
        ('<a href="https://a.example/">x</a>', '<a href="https://us.example/?to=18">x</a>'),
        ("<a href='https://a.example/'>x</a>", '<a href="https://us.example/?to=18">x</a>'),
        ("<a href=https://a.example/>x</a>", '<a href="https://us.example/?to=18">x</a>'),
        ('<A\n class="b" HREF = "HTTPS://a.example/" >', '<A\n class="b" HREF = "https://us.example/?to=18" >'),
        ('<p>\n<a title="href=\'y\' >" href="https://a.example/?a=1&amp;b">x</a>',
         '<p>\n<a title="href=\'y\' >" href="https://us.example/?to=24">x</a>'),
    ],
)  # fmt: skip
def test_a_link_leads_through_us_and_all_else_stays(html, becomes):
    assert tracked(html).startswith(becomes)


@pytest.mark.parametrize(
    "html",
    ['<a href="mailto:ann@example.org">x</a>', '<a href="tel:+1">x</a>', '<a href="#top">x</a>', '<a href="/x">x</a>',
     '<a href="javascript:alert(1)">x</a>', '<a href="">x</a>', "<a>x</a>", '<a href="https://">x</a>',
     '<a href="//a.example">x</a>', '<a href="data:text/html,x">x</a>', '<a data-href="https://a.example/">x</a>',
     '<!-- <a href="https://a.example/">x</a> -->', '<a href="https://a.example/\nx">x</a>',
     '<a href="http://[::1">x</a>', "<p>1 < 2 &amp; 3</p>", '<img src="https://a.example/i.png">'],
)  # fmt: skip
def test_other_links_and_other_things_stay(html):
    assert tracked(html).startswith(html)


def test_a_page_keeps_its_doctype_comments_and_end():
    html = "<!DOCTYPE html><html><body><!--[if mso]><p>x</p><![endif]--><p>a<p>b<br></BODY ></html>"
    assert tracked(html) == html.replace("</BODY >", f'<img src="{PIXEL}" width="1" height="1" alt="" '
                                         'style="border:0;width:1px;height:1px"></BODY >')  # fmt: skip


def test_an_address_that_would_break_out_of_its_quotes_does_not():
    html = read('<a href="https://a.example/">x</a>').tracked(link=lambda url: '"><script>', pixel=PIXEL)
    assert BeautifulSoup(html, "html.parser").script is None


TEXTS = [
    ("<h1>Hello</h1><p>Dear <b>Ann</b>,<br>bye</p>", "Hello\n\nDear Ann,\nbye\n"),
    ('<p>See <a href="https://a.example/">this</a></p>', "See this (https://a.example/)\n"),
    ('<a href="https://a.example/">https://a.example/</a>', "https://a.example/\n"),
    ("<ul><li>one<li>two</ul>", "- one\n- two\n"),
    ("<style>p{}</style><script>x</script><p>a&nbsp;&amp; b</p>", "a & b\n"),
    ('<img alt="A tree" src="x"><table><tr><td>1</td><td>2</td></tr></table>', "A tree\n\n1 2\n"),
]


@pytest.mark.parametrize(("html", "text"), TEXTS)
def test_html_as_text(html, text):
    assert read(html).text == text


def test_text_that_is_no_html_stays_text():
    body = read("a < b, i <3 u\n\nhttps://a.example/")
    assert body.text == "a < b, i <3 u\n\nhttps://a.example/"
    assert body.untouched.startswith("<p>a &lt; b, i &lt;3 u</p>")
    assert body.links == ("https://a.example/",)


@given(st.text(st.sampled_from("<>a href=\"'/:\n!-?&;http://x.y"), max_size=200))
@limits(max_examples=400, deadline=None)
def test_whatever_is_sent_only_addresses_change(html):
    body = read(html)
    rebuilt = body.pieces[0] + "".join("@" + piece for piece in body.pieces[1:]) + body.end
    assert len(body.links) == len(body.pieces) - 1
    assert len(rebuilt) <= len(body.untouched) + len(body.links)


@pytest.mark.parametrize(
    "piece", ["<div>", "<a href='https://x.y/'>", "<a ", "<a href='", "<!--", "<", "((((http://a.b))"]
)
def test_hostile_html_takes_no_longer_than_its_length(piece):
    started = time.monotonic()
    read(piece * 5_000)
    assert time.monotonic() - started < 15
