"""Where an operation of a stack set acts: accounts and regions, or the accounts of organizational units."""

import re
from itertools import product

from ministack.core.responses import get_account_id, request_scope
from ministack.services import organizations

from sandbox.engine.stacksets.store import SERVICE_MANAGED, Json, Key, StackSet
from sandbox.engine.stacksets.wire import Refusal

ACCOUNT = re.compile(r"\d{12}")
# https://docs.aws.amazon.com/organizations/latest/APIReference/API_OrganizationalUnit.html
UNIT = re.compile(r"ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}|r-[0-9a-z]{4,32}")


def targets(stack_set: StackSet, request: Json, *, creating: bool = False) -> dict[Key, str]:
    """Accounts and regions of a request, with the unit by which each account was found.

    Raises:
        Refusal: The request names no accounts, no regions, or in a way that the set's permissions do not allow.
    """
    regions = request.get("Regions") or []
    if not regions:
        raise Refusal("ValidationError", "At least one Region must be specified")
    if stack_set.permission_model == SERVICE_MANAGED:
        accounts = of_units(stack_set, request, creating=creating)
    else:
        where = request.get("DeploymentTargets") or {}
        if where.get("OrganizationalUnitIds"):
            raise Refusal(
                "ValidationError",
                "StackSets with SELF_MANAGED permission model can not have OrganizationalUnit as target",
            )
        accounts = dict.fromkeys(request.get("Accounts") or where.get("Accounts") or [], "")
    if not accounts:
        raise Refusal("ValidationError", "At least one account must be specified")
    for account in accounts:
        if not ACCOUNT.fullmatch(account):
            raise Refusal("ValidationError", f"Invalid account {account}: twelve digits are needed")
    return {(account, region): accounts[account] for region, account in product(regions, accounts)}


def named_targets(stack_set: StackSet, request: Json) -> dict[Key, str] | None:
    """The same of an ``UpdateStackSet``, None when it names no instances and so means all."""
    if not any(request.get(name) for name in ("Accounts", "Regions", "DeploymentTargets")):
        return None
    return targets(stack_set, request)


def of_units(stack_set: StackSet, request: Json, *, creating: bool) -> dict[str, str]:
    """The accounts that a request for a service-managed set means.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeploymentTargets.html

    Raises:
        Refusal: It names accounts where AWS wants units.
    """
    where = request.get("DeploymentTargets") or {}
    units, accounts = where.get("OrganizationalUnitIds") or [], where.get("Accounts") or []
    if request.get("Accounts") or not units:
        raise Refusal(
            "ValidationError",
            "StackSets with SERVICE_MANAGED permission model can only have OrganizationalUnit as target",
        )
    for unit in units:
        if not UNIT.fullmatch(unit):
            raise Refusal("ValidationError", f"Value '{unit}' at 'organizationalUnitIds' is no id of a unit")
    how = where.get("AccountFilterType") or ("NONE" if not accounts else "")
    if accounts and (how in {"", "UNION"}) and creating:
        raise Refusal(
            "ValidationError",
            "AccountFilterType must be INTERSECTION or DIFFERENCE when OrganizationalUnitIds and Accounts are given",
        )
    members = {account: unit for unit in units for account in accounts_of(stack_set, unit)}
    if how == "INTERSECTION":
        return {account: unit for account, unit in members.items() if account in accounts}
    if how == "DIFFERENCE":
        return {account: unit for account, unit in members.items() if account not in accounts}
    return {**dict.fromkeys(accounts, ""), **members} if how in {"", "UNION"} else members


def accounts_of(stack_set: StackSet, unit: str) -> list[str]:
    """The accounts of a unit and of those below it; a unit that nobody has made holds the set's own account."""
    with request_scope(get_account_id(), stack_set.region):
        known = dict(organizations._ous.items())
        accounts = dict(organizations._accounts.items())
    if unit not in known:
        return [stack_set.account]
    below = {unit}
    for _ in known:
        below |= {one for one, what in known.items() if what.get("ParentId") in below}
    return [account for account, what in accounts.items() if what.get("ParentId") in below]
