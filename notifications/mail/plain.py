"""HTML as text, for readers of e-mail without it."""

import re

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString, PageElement, PreformattedString

BLOCKS = frozenset(
    {
        "address", "article", "blockquote", "body", "center", "div", "dl", "fieldset", "footer", "form", "h1", "h2",
        "h3", "h4", "h5", "h6", "header", "hr", "main", "nav", "ol", "p", "pre", "section", "table", "ul",
    }
)  # fmt: skip
LINES = frozenset({"li", "tr"})
UNSEEN = frozenset({"head", "script", "style", "template", "title"})
SPACES = re.compile(r"[ \t\r\n\f\u00a0]+")
AROUND_LINES = re.compile(r" *\n *")
BLANK_LINES = re.compile(r"\n{3,}")


def text_of(soup: BeautifulSoup) -> str:
    """Its words, a paragraph to a block; behind a link its address in brackets."""
    found: list[str] = []
    # A stack and no recursion: whoever nests a thousand elements gets a text as well.
    stack: list[PageElement | str] = list(reversed(list(soup.children)))
    while stack:
        node = stack.pop()
        if isinstance(node, Tag):
            stack += reversed(_opened(node))
        elif not isinstance(node, NavigableString):
            found.append(str(node))
        elif not isinstance(node, PreformattedString):  # comments and the like
            found.append(SPACES.sub(" ", node))
    return BLANK_LINES.sub("\n\n", AROUND_LINES.sub("\n", "".join(found))).strip() + "\n"


def _opened(tag: Tag) -> list[PageElement | str]:
    """What of an element is read, in its order."""
    if tag.name in UNSEEN:
        return []
    if tag.name == "br":
        return ["\n"]
    if tag.name == "img":
        return [str(tag.get("alt") or "")]
    inside: list[PageElement | str] = list(tag.children)
    if tag.name == "a":
        return [*inside, *_address(tag)]
    if tag.name in LINES:
        return ["\n- " if tag.name == "li" else "\n", *inside]
    if tag.name in {"td", "th"}:
        return [*inside, " "]
    return ["\n\n", *inside, "\n\n"] if tag.name in BLOCKS else inside


def _address(tag: Tag) -> list[PageElement | str]:
    url = str(tag.get("href") or "").strip()
    # Its own words, not those of what is in it: unclosed links are nested in each other.
    words = "".join(child for child in tag.children if isinstance(child, NavigableString))
    if not url.lower().startswith(("http://", "https://")) or url == words.strip():
        return []
    return [f" ({url})"]
