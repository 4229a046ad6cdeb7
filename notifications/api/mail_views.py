"""Where the links of an e-mail lead: the picture that tells of its opening, the links themselves, and the way out.

Public, for whoever holds a link that we signed; anything else is not found.
"""

from base64 import b64decode

from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.encoding import iri_to_uri
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from notifications.mail import links
from notifications.models import Message
from notifications.services import engagement

# One transparent pixel.
GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
PRIVATE = {"Cache-Control": "no-store, private", "X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer"}


@require_safe
def opened(request: HttpRequest, token: str) -> HttpResponse:
    """The picture. Asking for its head alone is no opening."""
    try:
        message = links.opened(token)
    except links.NotOurs:
        raise Http404 from None
    if request.method == "GET":
        _found(engagement.note_opened(message))
    return HttpResponse(GIF, content_type="image/gif", headers=PRIVATE)


@require_safe
def clicked(request: HttpRequest) -> HttpResponse:
    """On to where the link leads, to the letter as the customer wrote it."""
    try:
        message, url = links.clicked(request.GET.get("to", ""))
    except links.NotOurs:
        raise Http404 from None
    if request.method == "GET":
        _found(engagement.note_clicked(message))
    return HttpResponse(status=302, headers=PRIVATE | {"Location": iri_to_uri(url)})


@csrf_exempt  # mail programs post here by themselves, with nothing but the link (RFC 8058)
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ask on GET, since programs follow links to look at them; unsubscribe on POST."""
    try:
        message = links.unsubscribed(token)
    except links.NotOurs:
        raise Http404 from None
    if request.method == "POST":
        _found(engagement.note_unsubscribed(message))
    shown = {"is_done": request.method == "POST"}
    page = render_to_string("saldo/unsubscribe.html", shown, request)
    return HttpResponse(page, headers=PRIVATE)


def _found(message: Message | None) -> None:
    if message is None:
        raise Http404
