"""Key management in the dashboard (native contract): people with a token, not machines with a key."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.api.addresses import client_address
from apikeys.api.authentication import DashboardAuthentication
from apikeys.api.base import AuthenticatedView
from apikeys.api.schema import MESSAGE, KeyCreated, KeyList, KeyShownOne, TokenAnswer
from apikeys.api.serializers import CapInput, CopyInput, KeyShown, LoginInput, NewKeyInput, NewKeyShown, TokenShown
from apikeys.errors import NotAnOwner
from apikeys.models import ApiKey, Membership, User
from apikeys.models.key import ApiKeyQuerySet
from apikeys.services import keys, signing, tokens
from config.api import BaseView, NewestFirst
from wallets.models import Customer


class DashboardView(AuthenticatedView):
    """A view for people with a dashboard token; `self.user` says who."""

    authentication_classes = (DashboardAuthentication,)

    @property
    def user(self) -> User:
        user = self.request.user
        assert isinstance(user, User)
        return user

    @property
    def actor(self) -> str:
        return f"user:{self.user.email}"

    def mine(self) -> ApiKeyQuerySet:
        """The keys that this user may manage; all others do not exist."""
        return ApiKey.objects.owned_by(self.user.pk)


class Token(BaseView):
    @extend_schema(
        tags=["Developer account"],
        summary="Get a dashboard token",
        request=LoginInput,
        responses={200: TokenAnswer},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        sent = LoginInput(data=request.data)
        sent.is_valid(raise_exception=True)
        login = tokens.log_in(**sent.validated_data, address=client_address(request._request))
        return Response({"data": TokenShown(login).data})


class Revoke(DashboardView):
    @extend_schema(tags=["Developer account"], summary="End a dashboard token", request=None, responses={200: MESSAGE})
    def post(self, request: Request) -> Response:
        tokens.log_out(request.auth)
        return Response({"message": "Token revoked successfully"})


class KeyPages(NewestFirst):
    page_size = 100


class ApiKeys(DashboardView):
    @extend_schema(tags=["Developer account"], summary="List API keys", responses={200: KeyList})
    def get(self, request: Request) -> Response:
        return KeyPages.respond(request, self.mine().with_caps().select_related("wallet"), KeyShown)

    @extend_schema(
        tags=["Developer account"],
        summary="Create an API key",
        request=NewKeyInput,
        responses={201: KeyCreated},
        examples=[OpenApiExample("By name alone", {"name": "Production key"}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        sent = NewKeyInput(data=request.data)
        sent.is_valid(raise_exception=True)
        terms: dict[str, Any] = dict(sent.validated_data)
        customer = owned_customer(self.user, terms.pop("customer_id", None))
        key, plain = keys.issue_key(
            customer=customer, actor=self.actor, **{name: value for name, value in terms.items() if value is not None}
        )
        shown = ApiKey.objects.with_caps().select_related("wallet").get(pk=key.pk)
        shown.__dict__["plain_key"] = plain
        return Response({"data": NewKeyShown(shown).data}, status=201)


class ApiKeyDetail(DashboardView):
    @extend_schema(
        tags=["Developer account"], summary="Cap what an API key spends", request=CapInput, responses={200: KeyShownOne}
    )
    def patch(self, request: Request, key_id: str) -> Response:
        sent = CapInput(data=request.data)
        sent.is_valid(raise_exception=True)
        key = get_object_or_404(self.mine().with_caps().select_related("wallet"), pk=key_id)
        stays = {name: getattr(key, name) for name in ("daily_spend_cap", "monthly_spend_cap")}
        wanted = stays | sent.validated_data
        keys.cap_key(key=key, actor=self.actor, daily=wanted["daily_spend_cap"], monthly=wanted["monthly_spend_cap"])
        return Response({"data": KeyShown(self.mine().with_caps().select_related("wallet").get(pk=key_id)).data})

    @extend_schema(tags=["Developer account"], summary="Revoke an API key", responses={200: MESSAGE})
    def delete(self, request: Request, key_id: str) -> Response:
        key = get_object_or_404(self.mine(), pk=key_id)
        keys.revoke_key(key=key, actor=self.actor)
        return Response({"message": "API key revoked successfully"})


class SigningCopy(DashboardView):
    def one(self, key_id: str) -> ApiKey:
        return get_object_or_404(self.mine().with_caps().select_related("wallet"), pk=key_id)

    @extend_schema(
        tags=["Developer account"],
        summary="Let an API key sign SMSGig webhooks",
        description="Send the key itself: an encrypted copy of it is kept, for signing alone.",
        request=CopyInput,
        responses={200: KeyShownOne},
    )
    def put(self, request: Request, key_id: str) -> Response:
        key = self.one(key_id)
        sent = CopyInput(data=request.data)
        sent.is_valid(raise_exception=True)
        kept = signing.keep_copy(key=key, plain=sent.validated_data["key"], actor=self.actor)
        return Response({"data": KeyShown(kept).data})

    @extend_schema(tags=["Developer account"], summary="Keep no signing copy", responses={200: KeyShownOne})
    def delete(self, request: Request, key_id: str) -> Response:
        return Response({"data": KeyShown(signing.drop_copy(key=self.one(key_id), actor=self.actor)).data})


def owned_customer(user: User, customer_id: int | None) -> Customer:
    """The customer a user makes a key for: the named one, or the one owned for longest. Raises NotAnOwner."""
    owned = Membership.objects.filter(user=user, role=Membership.Role.OWNER).exclude(
        customer__status=Customer.Status.CLOSED
    )
    if customer_id is not None:
        owned = owned.filter(customer_id=customer_id)
    found = owned.select_related("customer").order_by("id").first()
    if found is None:
        raise NotAnOwner
    return found.customer
