"""Every path of the host, and what answers where there is none."""

from collections.abc import Iterable

from django.contrib import admin
from django.core.paginator import InvalidPage
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView

from activations.dialects.smsgig.base import SMSGIG
from config import docs
from config.api import NATIVE, Contract, Problem, contract_of, problem_of, route
from config.status import status
from notifications.dialects.plainsms.base import PLAINSMS
from notifications.dialects.smsgic.base import SMSGIC
from notifications.dialects.smsgist.base import SMSGIST

CONTRACTS: Iterable[Contract] = (NATIVE, SMSGIG, SMSGIC, PLAINSMS, SMSGIST)


def search(request: HttpRequest) -> HttpResponse:
    """The admin's search. unfold's own raises for a page that is not there."""
    try:
        return admin.site.search(request)  # type: ignore[attr-defined]
    except (ValueError, InvalidPage):
        raise Http404 from None


admin.autodiscover()

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/search/", admin.site.admin_view(search)),
    path("admin/", admin.site.urls),
    route("status", status, "status"),
    route("api/schema", SpectacularAPIView.as_view(), "schema"),
    route("api/docs", docs.docs, "docs"),
    route("api/docs/reference", docs.reference, "reference"),
    # Tried in this order: first the contract that promises thousands of requests a minute.
    path("", include("notifications.dialects.smsgic.urls")),
    path("", include("apikeys.api.urls")),
    path("", include("wallets.api.urls")),
    path("", include("activations.api.urls")),
    path("", include("activations.api.smm.urls")),
    path("", include("activations.dialects.smsgig.urls")),
    path("", include("notifications.api.urls")),
    path("", include("notifications.api.sendings.urls")),
    path("", include("notifications.dialects.smsgist.urls")),
    path("", include("catalog.api.urls")),
    path("", include("notifications.dialects.plainsms.urls")),
]


def answer(request: HttpRequest, problem: Problem) -> HttpResponse:
    """A refusal outside any view: the contract's shape, HTML only for a browser that asks for it."""
    contract = contract_of(request, CONTRACTS)
    if contract is None and "text/html" in request.headers.get("Accept", ""):
        return render(request, "error.html", {"problem": problem}, status=problem.status)
    return (contract or NATIVE).plain_response(problem)


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer(request, Problem(400, "malformed", "The request could not be understood."))


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer(request, Problem(403, "forbidden", "You may not do this."))


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer(request, Problem(404, "not_found", "Not found."))


def handler500(request: HttpRequest) -> HttpResponse:
    return answer(request, problem_of(Exception()))
