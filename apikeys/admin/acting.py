"""Who acts in the back office, and how a dialog is left."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect


def staff(request: HttpRequest) -> str:
    """Who acts, in words, for the ledger and the logs."""
    return f"staff:{request.user}"[:80]


def leave(request: HttpRequest, url: str) -> HttpResponse:
    """Leave a dialog: it was posted by HTMX, which swallows an ordinary redirect."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
