"""The catalogue's paths of the native contract."""

from catalog.api import rate_views, views
from config.api import route

urlpatterns = [
    route("api/developer/v1/services", views.Services.as_view(), "services"),
    route("api/developer/v1/services/{slug:slug}/countries", views.ServiceCountries.as_view(), "service-countries"),
    route("api/developer/v1/countries", views.Countries.as_view(), "countries"),
    route("api/developer/v1/rates", rate_views.Rates.as_view(), "rates"),
    route("api/developer/v1/quote", views.Quote.as_view(), "quote"),
]
