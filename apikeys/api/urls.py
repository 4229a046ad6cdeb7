"""The dashboard's paths of the native contract."""

from apikeys.api import views
from config.api import route

urlpatterns = [
    route("api/developer/auth/token", views.Token.as_view(), "auth-token"),
    route("api/developer/auth/revoke", views.Revoke.as_view(), "auth-revoke"),
    route("api/developer/api-keys", views.ApiKeys.as_view(), "api-keys"),
    route("api/developer/api-keys/{key_id}", views.ApiKeyDetail.as_view(), "api-key"),
    route("api/developer/api-keys/{key_id}/signing-copy", views.SigningCopy.as_view(), "api-key-signing-copy"),
]
