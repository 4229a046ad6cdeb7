"""The two bodies of an e-mail: HTML, and the same as text for readers without it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from urllib.parse import urlsplit

from bs4 import BeautifulSoup
from django.utils.html import escape, linebreaks, urlize

from notifications.mail.plain import text_of

IS_HTML = re.compile(r"<(?:!doctype|!--|/?[a-z][a-z0-9]*)(?:[\s/][^<>]*)?>", re.IGNORECASE)
# A start tag from its < to the value of its href; what other attributes hold is stepped over.
HREF = re.compile(
    r"""<[^\s>/]+(?:[^>"']|"[^"]*"|'[^']*')*?(?<=[\s"'/])href\s*=\s*("[^"]*"|'[^']*'|[^\s>"']+)""", re.IGNORECASE
)
END_OF_BODY = re.compile(r"</body\s*>", re.IGNORECASE)
TRACKED = frozenset({"http", "https"})
UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")
PIXEL = '<img src="{url}" width="1" height="1" alt="" style="border:0;width:1px;height:1px">'


@dataclass(frozen=True)
class Body:
    """An e-mail's body, read once for all its recipients: the HTML as it came, and its text.

    `pieces` is the HTML, cut where the addresses of its `links` stand; `end` is its end.
    """

    untouched: str
    text: str
    pieces: tuple[str, ...]
    links: tuple[str, ...]
    end: str

    def tracked(self, *, link: Callable[[str], str | None], pixel: str) -> str:
        """The HTML with each link as `link` writes it (None: as it was), and a picture at its end."""
        parts = [self.pieces[0]]
        for url, piece in zip(self.links, self.pieces[1:], strict=True):
            parts += ['"', escape(link(url) or url), '"', piece]
        return "".join([*parts, PIXEL.format(url=escape(pixel)), self.end])


@lru_cache(maxsize=64)
def read(body: str) -> Body:
    """The body as the customer sent it: HTML where it holds a tag, else text."""
    if IS_HTML.search(body):
        html, soup = body, BeautifulSoup(body, "html.parser")
        text = text_of(soup)
    else:
        html, text = linebreaks(urlize(body, autoescape=True)), body
        soup = BeautifulSoup(html, "html.parser")
    pieces, links = _cut(html, soup)
    last = pieces.pop()
    ends = [found.start() for found in END_OF_BODY.finditer(last)] or [len(last)]
    return Body(html, text, (*pieces, last[: ends[-1]]), tuple(links), last[ends[-1] :])


def leads_outside(url: str) -> bool:
    """Is this a whole http(s) address, and nothing else?"""
    try:
        parts = urlsplit(url)
        return parts.scheme.lower() in TRACKED and bool(parts.hostname) and not UNPRINTABLE.search(url)
    except ValueError:
        return False


def _cut(html: str, soup: BeautifulSoup) -> tuple[list[str], list[str]]:
    """The HTML cut where its links' addresses stand, and these. All else stays as it came, to the letter."""
    pieces, links, done = [], [], 0
    for start, end, url in _addresses(html, soup):
        pieces.append(html[done:start])
        links.append(url)
        done = end
    return [*pieces, html[done:]], links


def _addresses(html: str, soup: BeautifulSoup) -> Iterator[tuple[int, int, str]]:
    """Where the address of each link to the outside stands, quotes included, and which it is."""
    lines = [0, *(found.end() for found in re.finditer("\n", html))]
    for tag in soup.find_all(["a", "area"], href=True):
        url = str(tag["href"]).strip()
        found = HREF.match(html, lines[(tag.sourceline or 1) - 1] + (tag.sourcepos or 0))
        if found and leads_outside(url) and unescape(found[1].strip("\"'")).strip() == url:
            yield found.start(1), found.end(1), url
