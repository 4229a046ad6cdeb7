"""The paths of plainsms, as its reference prints them."""

from django.urls import re_path

from config.api import route
from notifications.dialects.plainsms import pages, views
from notifications.dialects.plainsms.base import Nothing

urlpatterns = [
    route("v1/sms/send", views.SendByPassword.as_view(), "plainsms-v1-send"),
    route("api/v2", pages.Page.as_view(), "plainsms-page"),
    route(r"api/v2/openapi\.json", pages.Document.as_view(), "plainsms-openapi"),
    route("api/v2/sms/send", views.SendByKey.as_view(), "plainsms-v2-send"),
    route("api/v2/account/balance", views.Balance.as_view(), "plainsms-balance"),
    route("api/generate-key", views.GenerateKey.as_view(), "plainsms-generate-key"),
    route("api/regenerate-key", views.RegenerateKey.as_view(), "plainsms-regenerate-key"),
    route("api/revoke-key", views.RevokeKey.as_view(), "plainsms-revoke-key"),
    route("api/oauth2-callback", pages.Callback.as_view(), "plainsms-oauth2-callback"),
    route(r"api/oauth2-redirect\.js", pages.CallbackScript.as_view(), "plainsms-oauth2-script"),
    # Whatever else is below: counted, and answered in this contract's shape.
    re_path(r"^(?:api/v2|v1/sms)/", Nothing.as_view(), name="plainsms-nothing"),
]
