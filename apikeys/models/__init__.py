from apikeys.models.user import Membership, User

__all__ = ["Membership", "User"]
