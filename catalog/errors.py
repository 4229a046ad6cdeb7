"""Why nothing can be quoted."""

from config.errors import DomainError


class InvalidService(DomainError):
    """There is no such service, or it is switched off."""

    code = "invalid_service"
    message = "Invalid service."


class InvalidCountry(DomainError):
    """There is no such country, or nothing is sold there at all."""

    code = "invalid_country"
    message = "Invalid country, or the service is not sold there."


class NotOffered(DomainError):
    """The service is not sold in the country to this customer now."""

    code = "not_offered"
    message = "This service is not offered in this country."


class PriceInThePast(DomainError):
    """A price may begin now or later: what was in force stays as it was."""

    code = "price_in_the_past"
    message = "A price cannot begin in the past."


class EmptyList(DomainError):
    """A provider's list without a single service: nothing was changed."""

    code = "empty_list"
    message = "The provider's list is empty. Nothing was changed."


class UnknownDestination(DomainError):
    """No rate covers some of the numbers, and there is no default rate."""

    code = "unknown_destination"
    message = "There is no rate for some of these numbers."


class InvalidSheet(DomainError):
    """What was uploaded is no sheet of rates."""

    code = "invalid_sheet"
    message = "This is no sheet of rates."


class SheetRefused(DomainError):
    """A line is wrong, so that nothing of the sheet is imported."""

    code = "sheet_refused"
    message = "Some lines are wrong: nothing was imported. Correct the sheet and upload it anew."


class SheetOutdated(DomainError):
    """Rates changed between the preview and its confirmation."""

    code = "sheet_outdated"
    message = "The rates changed since this preview: nothing was imported. Look at what it would change now."


class SheetImported(DomainError):
    """A sheet is imported once."""

    code = "sheet_imported"
    message = "This sheet was imported already."
